//! What the platforms call.

use shared::problem::Code;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, ObjectBuilder, Required,
    path::{OperationBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
};

use super::{NO_PLATFORM, Route};
use crate::answers::{Access::Public, Refusal, in_path, operation, platform, required, string, text};

const LATER: Refusal = (Code::Unavailable, "Send it again later.");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Get, "/webhooks/{platform}", handshake()),
        Route::new(HttpMethod::Post, "/webhooks/{platform}", delivery()),
    ]
}

fn handshake() -> OperationBuilder {
    let description = "Facebook asks once, when the address is registered, whether it is ours.";
    let refused = (Code::HandshakeRefused, "The verify token is not the one of this app.");
    let query = |name, description| required(ParameterIn::Query, name, description, string());
    operation(
        Public,
        ("platforms", "verifyWebhook"),
        ("Prove that the address is ours", description),
        &[refused, NO_PLATFORM, LATER],
    )
    .parameter(in_path("platform", "The platform.", platform()))
    .parameter(query("hub.mode", "`subscribe`."))
    .parameter(query("hub.verify_token", "The verify token of our app."))
    .parameter(query("hub.challenge", "What to send back: 1 to 128 letters, digits, `-` or `_`."))
    .response("200", text("The challenge.", "text/plain; charset=utf-8"))
}

fn delivery() -> OperationBuilder {
    let description = "Checks the signature over the raw bytes, keeps the delivery, queues a pointer to it and answers at \
                       once. What it means is found out later. The same delivery again does no harm.";
    let unsigned = (Code::SignatureInvalid, "The signature does not fit the body.");
    let too_large = (Code::BodyTooLarge, "No platform sends deliveries of this size.");
    let signature =
        "`sha256=` and the HMAC-SHA256 of the body under the app's secret, in lower-case hexadecimal digits.";
    operation(
        Public,
        ("platforms", "receiveWebhook"),
        ("Take in what a platform says", description),
        &[unsigned, too_large, NO_PLATFORM, LATER],
    )
    .parameter(in_path("platform", "The platform.", platform()))
    .parameter(required(
        ParameterIn::Header,
        "X-Hub-Signature-256",
        signature,
        string().pattern(Some("^sha256=[0-9a-f]{64}$")),
    ))
    .request_body(Some(anything()))
    .response("200", text("Taken in; the body is empty.", "text/plain; charset=utf-8"))
}

/// What the platform documents, kept byte for byte.
fn anything() -> RequestBody {
    let content = ContentBuilder::new().schema(Some(ObjectBuilder::new())).build();
    RequestBodyBuilder::new()
        .description(Some("As the platform documents it."))
        .content("application/json", content)
        .required(Some(Required::True))
        .build()
}
