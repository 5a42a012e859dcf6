//! Posts: publish, watch, edit, call off, resolve.

use shared::{
    problem::Code,
    publish::{BulkPosts, BulkResults, Findings, NewPost, PostChanges},
    read::{AnalyticsView, PostsView, Resolution, TimelineView},
    view::PostView,
};
use utoipa::openapi::{
    HttpMethod, RefOr, Schema,
    path::{OperationBuilder, ParameterIn},
};

use super::{BAD_BODY, BAD_QUERY, NOT_KNOWN, Route, UNAVAILABLE, add};
use crate::{
    answers::{
        Access::Key, Refusal, body, id, in_path, json, number, operation, optional, required, string, text_header,
    },
    examples,
};

const NO_POST: Refusal = (Code::PostUnknown, "None of your posts has this id.");

/// A request means another version than there is.
const CHANGED: Refusal = (
    Code::PreconditionFailed,
    "The post was changed since you read it: read it again, and send its new `ETag` if you still mean it.",
);
/// An `If-Match` that is not one strong entity tag.
const BAD_TAG: Refusal =
    (Code::HeaderInvalid, "Send the `ETag` of the post as it came, such as `If-Match: \"1\"`: one, not weak, not `*`.");
/// A strong entity tag.
const TAG: &str = "^\"[^\"]+\"$";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Post, "/v1/posts", create()),
        Route::new(HttpMethod::Post, "/v1/posts/bulk", create_many()),
        Route::new(HttpMethod::Post, "/v1/posts/validate", validate()),
        Route::new(HttpMethod::Get, "/v1/posts", list()),
        Route::new(HttpMethod::Get, "/v1/posts/{post}", get()),
        Route::new(HttpMethod::Patch, "/v1/posts/{post}", edit()),
        Route::new(HttpMethod::Delete, "/v1/posts/{post}", cancel()),
        Route::new(HttpMethod::Post, "/v1/posts/{post}/targets/{target}/resolve", resolve()),
        Route::new(HttpMethod::Get, "/v1/posts/{post}/analytics", analytics()),
        Route::new(HttpMethod::Get, "/v1/posts/{post}/timeline", timeline()),
    ]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<NewPost>(schemas);
    add::<PostChanges>(schemas);
    add::<Resolution>(schemas);
    add::<BulkPosts>(schemas);
    add::<BulkResults>(schemas);
    add::<Findings>(schemas);
    add::<PostView>(schemas);
    add::<PostsView>(schemas);
    add::<AnalyticsView>(schemas);
    add::<TimelineView>(schemas);
}

fn create() -> OperationBuilder {
    let description = "Checks the post, keeps it and queues its targets; the answer is 202 and the work follows. With an \
                       `Idempotency-Key`, the same request again is answered as the first one was, and publishes once.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([
        (Code::HeaderInvalid, "The Idempotency-Key must have 1 to 255 visible ASCII characters."),
        (Code::IdempotencyMismatch, "Send the first body again, or choose a new Idempotency-Key."),
        (
            Code::IdempotencyRunning,
            "Another request with this key is being accepted; send the same request again in a second.",
        ),
        (
            Code::PostDuplicate,
            "post_01a1fd8a944073c180000251ee3fd171 says the same at this destination less than 24 hours away from this \
             post. If both are meant to go out, say `\"allow_duplicate\": true`.",
        ),
        NOT_KNOWN,
        BAD_QUERY,
    ]);
    let key_text = "Names this post among all of the tenant's: 1 to 255 visible ASCII characters. Send one, or a lost \
                    answer leaves you without a way to repeat the request safely.";
    let key = string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    let accepted =
        json("The post as it was accepted. A replay is answered with the same.", "PostView", examples::accepted())
            .header("Location", text_header("Where the post is.", &format!("/v1/posts/{}", examples::POST)))
            .header("ETag", etag())
            .header("Idempotency-Replayed", text_header("`true` on a replay; else absent.", "true"));
    operation(Key, ("posts", "createPost"), ("Publish a post", description), &refusals)
        .parameter(optional(ParameterIn::Header, "Idempotency-Key", key_text, key))
        .request_body(Some(body("NewPost", examples::new_posts())))
        .response("202", accepted)
}

fn create_many() -> OperationBuilder {
    let description = "Up to 1,000 posts, each accepted or refused by itself as if it were sent alone: one bad post costs \
                       only itself. Each has an `idempotency_key` of its own, which names it among all that the tenant \
                       sends in bulk, so the whole request may be repeated at any time: what was accepted is answered \
                       with the same `post` and `replayed`. Repeat it as long as a `problem` is `retryable`: when the \
                       time is up, posts that were not begun are answered with 503. All posts together have at most \
                       5,000 targets, each post by itself 256 KiB, and the body 4 MiB.";
    let refusals = [
        (Code::BodyTooLarge, "The body has 5000000 bytes; at most 4194304 are taken."),
        BAD_BODY[1],
        BAD_BODY[2],
        BAD_QUERY,
        NOT_KNOWN,
    ];
    let answer = json("A result for each post, in order.", "BulkResults", examples::bulk_results());
    operation(Key, ("posts", "createPosts"), ("Publish many posts", description), &refusals)
        .request_body(Some(body("BulkPosts", examples::bulk_posts())))
        .response("200", answer)
}

fn validate() -> OperationBuilder {
    let description = "The same checks as for publishing, and nothing is kept or queued. A post that breaks rules is \
                       answered with 200 and what is wrong; 422 is for a body of another shape.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([BAD_QUERY, UNAVAILABLE]);
    operation(Key, ("posts", "validatePost"), ("Check a post", description), &refusals)
        .request_body(Some(body("NewPost", examples::new_posts())))
        .response("200", json("Every rule that the post breaks.", "Findings", examples::findings()))
}

fn list() -> OperationBuilder {
    let description = "The newest first. A post is listed once it is scheduled or its work has begun, which is moments \
                       after its acceptance; `GET /v1/posts/{post}` knows it at once. A page may be empty and still have \
                       a `next_cursor`: the listing looks back through at most 60 days at a time.";
    let cursor = "The `next_cursor` of the page before. Only the tenant that was given it can use it.";
    operation(Key, ("posts", "listPosts"), ("List posts", description), &[BAD_QUERY, UNAVAILABLE])
        .parameter(optional(
            ParameterIn::Query,
            "limit",
            "How many posts at most; 20 if absent.",
            number(1, 100).default(Some(20.into())),
        ))
        .parameter(optional(ParameterIn::Query, "cursor", cursor, string()))
        .response("200", json("A page of posts.", "PostsView", examples::posts()))
}

fn get() -> OperationBuilder {
    let description = "What was asked for and what has become of it, target by target.";
    operation(Key, ("posts", "getPost"), ("Look at a post", description), &[NO_POST, UNAVAILABLE])
        .parameter(post())
        .response("200", json("The post.", "PostView", examples::published()).header("ETag", etag()))
}

fn edit() -> OperationBuilder {
    let description = "Changes content, time, `not_after` or the content of single targets, as long as nothing of the post \
                       has begun. What the body does not name stays. The places that the post goes to cannot change: \
                       cancel it and create another. The same rules hold as for a new post. A request whose answer was \
                       lost may be repeated: if it took effect, the answer is 412, and the post shows it.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([
        NO_POST,
        BAD_TAG,
        (Code::PreconditionRequired, "Send `If-Match` with the `ETag` of the post as you read it."),
        CHANGED,
        (
            Code::PostNotEditable,
            "One of its targets is published: only a post of which nothing has begun can be edited.",
        ),
        NOT_KNOWN,
        BAD_QUERY,
    ]);
    let tag = "The `ETag` of the post as the caller knows it: one, strong, and not `*`.";
    operation(Key, ("posts", "editPost"), ("Edit or move a post", description), &refusals)
        .parameter(post())
        .parameter(required(ParameterIn::Header, "If-Match", tag, string().pattern(Some(TAG))))
        .request_body(Some(body("PostChanges", examples::changes())))
        .response("200", json("The post as it is now.", "PostView", examples::moved()).header("ETag", etag()))
}

fn resolve() -> OperationBuilder {
    let description = "A person's answer where the platform had none. Only a target in `needs_review` waits for one. What \
                       is published stays so; what is not is sent again within a minute, with every attempt anew, or ends \
                       `expired` if its time is over. The same answer again is answered with 200. With an \
                       `Idempotency-Key`, a repeated request does not answer the question when it comes up anew.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([
        NO_POST,
        (Code::TargetUnknown, "The post has no target t2."),
        (Code::HeaderInvalid, "The Idempotency-Key must have 1 to 255 visible ASCII characters."),
        (Code::TargetNotInReview, "It is published: only a target in needs_review can be resolved."),
        BAD_QUERY,
        NOT_KNOWN,
    ]);
    let target = string().pattern(Some("^t[1-9][0-9]{0,2}$"));
    let key = string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
    operation(Key, ("posts", "resolveTarget"), ("Say what became of a target", description), &refusals)
        .parameter(post())
        .parameter(in_path("target", "The target's id.", target))
        .parameter(optional(ParameterIn::Header, "Idempotency-Key", "Names this answer.", key))
        .request_body(Some(body("Resolution", examples::resolutions())))
        .response("200", json("The post.", "PostView", examples::published()).header("ETag", etag()))
}

fn cancel() -> OperationBuilder {
    let description = "Calls off every target on which nothing is at work and of which nothing may be out. What has \
                       begun or ended stays as it is; the answer says which is which. With `If-Match`, only the version \
                       that it names is called off. What is out stays out, unless `unpublish=true` says that it is \
                       meant as well: then every published target is asked to be taken down, the answer is 202, and \
                       `removal` of each target tells how that goes. Some platforms cannot do it (`unsupported`, with \
                       the reason). What is at work at this moment is left alone: look at it, and ask again. The same \
                       request again asks only for what has failed.";
    let unpublish = "`true`: take down what is out as well.";
    let tag = "The `ETag` of the post as the caller knows it; without it, the post is called off as it stands.";
    let too_late = (Code::PostNotCancellable, "It is published: every target has begun or ended.");
    operation(
        Key,
        ("posts", "cancelPost"),
        ("Call a post off", description),
        &[NO_POST, BAD_QUERY, BAD_TAG, CHANGED, too_late, NOT_KNOWN],
    )
    .parameter(post())
    .parameter(optional(ParameterIn::Query, "unpublish", unpublish, string().pattern(Some("^true$"))))
    .parameter(optional(ParameterIn::Header, "If-Match", tag, string().pattern(Some(TAG))))
    .response(
        "200",
        json(
            "The post; at least one target was called off, or what was out is taken down.",
            "PostView",
            examples::cancelled(),
        )
        .header("ETag", etag()),
    )
    .response(
        "202",
        json("The post; at least one target is being taken down.", "PostView", examples::being_removed())
            .header("ETag", etag()),
    )
}

fn analytics() -> OperationBuilder {
    let description = "The figures of each target as they were last read at its platform, by the platform's own names. \
                       Where these are older than some minutes (15, unless whoever runs postd has set another limit), \
                       this request has them read anew: `state` is `collecting` until then, so ask again in some \
                       seconds. Targets that have none say why.";
    let by = "`day`: also how they stood day by day, the newest 90 days that they were read on.";
    let operation = operation(
        Key,
        ("posts", "getAnalytics"),
        ("Look at a post's figures", description),
        &[NO_POST, BAD_QUERY, UNAVAILABLE],
    );
    operation
        .parameter(post())
        .parameter(optional(ParameterIn::Query, "by", by, string().pattern(Some("^day$"))))
        .response("200", json("The figures, target by target.", "AnalyticsView", examples::analytics()))
}

fn timeline() -> OperationBuilder {
    let description = "Who, what, when and why: the acceptance, every edit, each target's start, whatever went wrong or \
                       had to wait, what people decided, how it ended, and what became of its being taken down.";
    operation(Key, ("posts", "getTimeline"), ("Look at a post's history", description), &[NO_POST, UNAVAILABLE])
        .parameter(post())
        .response("200", json("The history, the oldest first.", "TimelineView", examples::timeline()))
}

fn etag() -> utoipa::openapi::Header {
    text_header("The post's version: for `If-Match`.", "\"1\"")
}

fn post() -> utoipa::openapi::path::Parameter {
    in_path("post", "The post's id.", id("post"))
}
