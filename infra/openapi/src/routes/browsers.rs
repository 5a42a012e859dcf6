//! What a person's browser opens while an account is being connected. People get pages, not problems, wherever a page
//! can say it.

use utoipa::openapi::{
    ContentBuilder, HttpMethod, RefOr, ResponseBuilder,
    path::{Operation, ParameterIn},
};

use super::{NO_PLATFORM, Route, UNAVAILABLE};
use crate::answers::{Access::Public, in_path, operation, optional, platform, string, text, text_header};

const PAGE: &str = "text/html; charset=utf-8";
const GONE: &str = "a page for the person: the session was used, is over, or began in another browser";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Get, "/v1/connect/{session}", open()),
        Route::new(HttpMethod::Get, "/v1/oauth/{platform}/callback", callback()),
    ]
}

fn open() -> Operation {
    let description = "The `url` of a connect session: binds the session to this browser by a cookie and sends it on to \
                       the platform's consent page. A session that is opened again belongs to the last browser.";
    let cookie =
        "Recognises this browser on its way back; without the prefix where the API is reached over plain http.";
    let on = ResponseBuilder::new()
        .description("On to the platform.")
        .header("Location", text_header("The platform's consent page.", "https://www.facebook.com/v26.0/dialog/oauth"))
        .header(
            "Set-Cookie",
            text_header(cookie, "__Host-postd-connect=…; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure"),
        );
    let operation = operation(
        Public,
        ("browsers", "openConnectSession"),
        ("Set out for the platform", description),
        &[UNAVAILABLE],
    )
    .parameter(in_path("session", "The secret at the end of the session's `url`.", string()))
    .response("303", on)
    .response("404", text(GONE, PAGE))
    .build();
    or_page(operation, "503", "a page for the person: the app's credentials cannot be read just now")
}

fn callback() -> Operation {
    let description = "The redirect URI to register at the platform, one for each. Only the browser that opened the \
                       session can finish it, once. The code is exchanged, the tokens are sealed, and the browser goes \
                       to the session's `return_url` with `connection` (and `missing_scopes`, if some were declined), or with `error`: one of `access_denied`, \
                       `platform_error`, `exchange_failed`, `other_account`, `app_misconfigured`, `unavailable`.";
    let location = "The session's `return_url` with `connection` or `error`.";
    let example = "https://app.example.com/settings/connections?connection=con_01a16833fd0072b1800001a9d34e8561";
    let back =
        ResponseBuilder::new().description("Back to the caller.").header("Location", text_header(location, example));
    let operation = operation(
        Public,
        ("browsers", "finishConnectSession"),
        ("Come back from the platform", description),
        &[NO_PLATFORM, UNAVAILABLE],
    )
    .parameter(in_path("platform", "The platform.", platform()))
    .parameter(optional(ParameterIn::Query, "state", "As it was sent to the platform.", string()))
    .parameter(optional(ParameterIn::Query, "code", "What to exchange for a grant.", string()))
    .parameter(optional(ParameterIn::Query, "error", "Why there is no grant.", string()))
    .parameter(optional(ParameterIn::Query, "iss", "Who answers, where the platform says so (RFC 9207).", string()))
    .response("303", back)
    .build();
    or_page(operation, "404", GONE)
}

/// Adds to a refusal that it may be a page instead.
fn or_page(mut operation: Operation, status: &str, description: &str) -> Operation {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        response.description = format!("{}, or {description}", response.description);
        let page = ContentBuilder::new().schema(Some(string())).build();
        response.content.insert(PAGE.to_owned(), page.into());
    }
    operation
}
