//! Files for posts: announce one, look at it.

use shared::{
    media::{MediaView, NewMedia},
    problem::Code,
};
use utoipa::openapi::{
    HttpMethod, RefOr, Schema,
    path::{OperationBuilder, ParameterIn},
};

use super::{BAD_BODY, BAD_QUERY, NOT_KNOWN, Route, UNAVAILABLE, add};
use crate::{
    answers::{Access::Key, body, id, in_path, json, operation, optional, string, text_header},
    examples,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(HttpMethod::Post, "/v1/media", create()), Route::new(HttpMethod::Get, "/v1/media/{media}", get())]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<NewMedia>(schemas);
    add::<MediaView>(schemas);
}

fn create() -> OperationBuilder {
    let description = "Announces a file. The answer's `upload` says how to put it where it belongs: one request with these \
                       headers and the bytes, once, within an hour. Then a post may say the answer's `media` where the \
                       address of a file stands. `docs/media.md` tells what is taken.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([
        (Code::UploadTooLarge, "The file has 70000000 bytes; of its type, at most 67108864 are taken."),
        (Code::HeaderInvalid, "The Idempotency-Key must have 1 to 255 visible ASCII characters."),
        (Code::IdempotencyMismatch, "Send the first body again, or choose a new Idempotency-Key."),
        NOT_KNOWN,
        BAD_QUERY,
    ]);
    let key_text = "Names this file among all of the tenant's: the same request with the same key is answered with the same \
                    upload.";
    let key = string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    let announced = json("Upload it as `upload` says.", "MediaView", examples::awaited())
        .header("Location", text_header("Where the upload is looked at.", &format!("/v1/media/{}", examples::MEDIA)))
        .header("Idempotency-Replayed", text_header("`true` on a replay; else absent.", "true"));
    operation(Key, ("media", "createMedia"), ("Announce a file", description), &refusals)
        .parameter(optional(ParameterIn::Header, "Idempotency-Key", key_text, key))
        .request_body(Some(body("NewMedia", examples::new_media())))
        .response("201", announced)
}

fn get() -> OperationBuilder {
    let description = "Where an upload stands, and what its bytes say: its size, and how long a video plays. It is looked at \
                       when somebody asks, or when a post names it.";
    let unknown = (Code::MediaUnknown, "None of your uploads has this id.");
    operation(Key, ("media", "getMedia"), ("Look at a file", description), &[unknown, BAD_QUERY, UNAVAILABLE])
        .parameter(in_path("media", "The upload's id.", id("med")))
        .response("200", json("The upload.", "MediaView", examples::uploaded()))
}
