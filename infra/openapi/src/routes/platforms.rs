//! What the platforms call.

use shared::{problem::Code, read::DeletionView, webhook::DataDeletionView};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, ObjectBuilder, RefOr, Required, Schema,
    path::{OperationBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
};

use super::{BAD_QUERY, NO_PLATFORM, Route, UNAVAILABLE, add};
use crate::{
    answers::{Access::Public, Refusal, id, in_path, json, operation, platform, required, string, text},
    examples,
};

const LATER: Refusal = (Code::Unavailable, "Send it again later.");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Get, "/webhooks/{platform}", handshake()),
        Route::new(HttpMethod::Post, "/webhooks/{platform}", delivery()),
        Route::new(HttpMethod::Post, "/webhooks/{platform}/{hook}", callback()),
        Route::new(HttpMethod::Get, "/v1/deletions/{deletion}", deletion()),
    ]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<DataDeletionView>(schemas);
    add::<DeletionView>(schemas);
}

fn callback() -> OperationBuilder {
    let description = "A person has removed our app (`deauthorize`), or wants us to delete what we hold of them \
                       (`data-deletion`). Checks the signature, keeps the request, queues a pointer to it and answers at \
                       once: an empty text to the first, where to look after the deletion to the second. The same request \
                       again has the same code.";
    let malformed = (Code::SignedRequestInvalid, "A signed request has two parts with a dot in between.");
    let unsigned = (Code::SignatureInvalid, "The signature does not fit the payload.");
    let too_large = (Code::BodyTooLarge, "No platform sends signed requests of this size.");
    let no_hook = (Code::RouteUnknown, "The callbacks are `deauthorize` and `data-deletion`.");
    let form = ObjectBuilder::new()
        .property(
            "signed_request",
            string().description(Some("As Meta documents it: signature, dot, payload, both in unpadded base64url.")),
        )
        .required("signed_request");
    let content = ContentBuilder::new().schema(Some(form)).build();
    let body = RequestBodyBuilder::new().content("application/x-www-form-urlencoded", content);
    operation(
        Public,
        ("platforms", "receiveSignedRequest"),
        ("Take in that a person withdraws", description),
        &[malformed, unsigned, too_large, NO_PLATFORM, no_hook, LATER],
    )
    .parameter(in_path("platform", "The platform.", platform()))
    .parameter(in_path("hook", "What it is about.", string().enum_values(Some(["deauthorize", "data-deletion"]))))
    .request_body(Some(body.required(Some(Required::True)).build()))
    .response(
        "200",
        json("Taken in; to `deauthorize` the body is empty.", "DataDeletionView", examples::data_deletion()),
    )
}

fn deletion() -> OperationBuilder {
    let description = "How far a deletion is: of a person's data, or of a tenant. Whoever was told its code may look, and \
                       learns nothing else. Browsers get a page.";
    let unknown = (Code::DeletionUnknown, "There is no deletion under this code.");
    operation(
        Public,
        ("platforms", "getDeletion"),
        ("Look after a deletion", description),
        &[unknown, BAD_QUERY, UNAVAILABLE],
    )
    .parameter(in_path("deletion", "The confirmation code.", id("del")))
    .response("200", json("How far it is.", "DeletionView", examples::deletion()))
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
