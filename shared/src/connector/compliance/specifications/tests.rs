//! The check fails where it must: for each form of specification, on a small document of that form.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use url::Url;

use super::{
    Specified, discovery,
    judge::{Change, Difference, Uncovered, judge},
    meta::Contract,
    swagger,
};
use crate::connector::{Body, Request};

fn request(method: Method, url: &str, body: Body) -> Request {
    Request { body, ..Request::new(method, Url::parse(url).unwrap()) }
}

fn form(fields: &[(&str, &str)]) -> Body {
    Body::Form(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn discovered() -> Specified {
    let mut document = json!({
        "rootUrl": "https://posts.example/",
        "parameters": {"alt": {"type": "string", "location": "query", "enum": ["json"]}},
        "resources": {"posts": {"methods": {
            "create": {"httpMethod": "POST", "flatPath": "v4/places/{placesId}/posts", "request": {"$ref": "Post"},
                       "parameters": {"parent": {"type": "string", "location": "path", "required": true}}},
            "list": {"httpMethod": "GET", "flatPath": "v4/places/{placesId}/posts", "parameters": {
                "pageSize": {"type": "integer", "format": "int32", "location": "query"},
                "mask": {"type": "string", "format": "google-fieldmask", "location": "query", "required": true},
                "kinds": {"type": "string", "enum": ["A", "B"], "repeated": true, "location": "query"}}},
            "stop": {"httpMethod": "POST", "flatPath": "v4/places/{placesId}:stop"},
        }}},
        "schemas": {
            "Post": {"type": "object", "properties": {
                "name": {"type": "string", "description": "Output only. Its name."},
                "topic": {"type": "string", "enum": ["STANDARD", "EVENT"], "description": "Required. Its topic."},
                "event": {"$ref": "Event"},
            }},
            "Event": {"type": "object", "properties": {"day": {"type": "integer", "format": "int32"}}},
        },
    });
    discovery::extend(
        &mut document,
        &json!({"_note": "a note", "Event": {"at": {"format": "google-datetime", "type": "string"}}}),
    );
    Specified { operations: discovery::operations(&document), differences: Vec::new(), uncovered: Vec::new() }
}

fn swagged() -> Specified {
    let document = json!({
        "basePath": "/3.0",
        "parameters": {"Sort": {"in": "query", "name": "sort", "type": "string", "enum": ["asc", "desc"]}},
        "paths": {
            "/mails": {
                "post": {"parameters": [{"in": "body", "name": "body", "required": true, "schema": {
                    "type": "object", "required": ["type"], "properties": {
                        "type": {"type": "string", "enum": ["regular", "plain"]},
                        "id": {"type": "string", "readOnly": true},
                        "tries": {"type": "integer", "minimum": 1},
                        "segment": {"$ref": "#/definitions/Segment"},
                    }}}]},
                "get": {"parameters": [{"$ref": "#/parameters/Sort"},
                    {"in": "query", "name": "fields", "type": "array", "items": {"type": "string"}},
                    {"in": "query", "name": "count", "type": "integer", "maximum": 1000}]},
            },
            "/mails/{id}": {"delete": {"parameters": [{"in": "path", "name": "id", "type": "string"}]}},
        },
        "definitions": {"Segment": {"type": "object", "properties": {"match": {"type": "string", "enum": ["any"]}}}},
    });
    let operations = swagger::operations(&document, "{server}.mail.example");
    Specified { operations, differences: Vec::new(), uncovered: Vec::new() }
}

fn contracted() -> Specified {
    let nodes = json!({
        "Page": {"fields": [], "apis": [
            {"method": "POST", "endpoint": "feed", "return": "Post", "params": [
                {"name": "message", "type": "string"}, {"name": "published", "type": "bool"},
                {"name": "attached", "type": "list<map>"}, {"name": "tags", "type": "list<unsigned int>"}]},
            {"method": "POST", "endpoint": "publish", "return": "Page", "params": [
                {"name": "creation", "type": "unsigned int", "required": true}, {"name": "state", "type": "states"}]}]},
        "Post": {"fields": [{"name": "id", "type": "string"}, {"name": "author", "type": "Page"}], "apis": [
            {"method": "DELETE", "name": "#delete", "return": "Object", "params": []}]},
    });
    let contract = Contract::new(nodes, &json!([{"name": "states", "values": ["DRAFT", "PUBLISHED"]}]));
    let table =
        [("/{version}/{page}/feed", "Page"), ("/{version}/{page}/publish", "Page"), ("/{version}/{post}", "Post")];
    let operations = table.iter().flat_map(|(path, node)| contract.operations("graph.example", path, node)).collect();
    Specified { operations, differences: Vec::new(), uncovered: Vec::new() }
}

const POSTS: &str = "https://posts.example/v4/places/1/posts";
const MAILS: &str = "https://us6.mail.example/3.0/mails";
const FEED: &str = "https://graph.example/v26.0/1/feed?fields=id,author{name}";
const PUBLISH: &str = "https://graph.example/v26.0/1/publish";

fn ask(url: &str, query: &str) -> Request {
    request(Method::GET, &format!("{url}?{query}"), Body::Empty)
}

fn send(url: &str, body: Value) -> Request {
    request(Method::POST, url, Body::Json(body))
}

fn fill(url: &str, fields: &[(&str, &str)]) -> Request {
    request(Method::POST, url, form(fields))
}

#[rstest]
#[case::discovery_body(discovered(), send(POSTS, json!({"topic": "EVENT", "event": {"day": 1, "at": "2026-11-22T03:00:00Z"}})))]
#[case::discovery_query(discovered(), ask(POSTS, "mask=a.b,c&pageSize=5&kinds=A&kinds=B&alt=json"))]
#[case::discovery_verb(discovered(), request(Method::POST, "https://posts.example/v4/places/1:stop", Body::Empty))]
#[case::swagger_body(swagged(), send(MAILS, json!({"type": "plain", "tries": 2, "segment": {"match": "any"}})))]
#[case::swagger_query(swagged(), ask(MAILS, "sort=asc&fields=a,b&count=1000"))]
#[case::swagger_path(swagged(), request(Method::DELETE, &format!("{MAILS}/7"), Body::Empty))]
#[case::meta_form(contracted(), fill(FEED, &[("message", "1"), ("attached[0]", "{\"id\":1}"), ("attached[1]", "{}")]))]
#[case::meta_list(contracted(), fill(FEED, &[("tags", "[1,2]"), ("published", "false"), ("appsecret_proof", "ab")]))]
#[case::meta_required(contracted(), fill(PUBLISH, &[("creation", "17"), ("state", "DRAFT")]))]
#[case::meta_node(contracted(), request(Method::DELETE, "https://graph.example/v26.0/1_2", Body::Empty))]
fn what_is_specified_is_taken(#[case] mut specified: Specified, #[case] request: Request) {
    // Only this request is made, so no line of a table is needed by another.
    specified.operations.iter_mut().for_each(|operation| operation.listed_as = None);
    let judged = judge(&[("a request".into(), request)], &specified);
    assert_eq!((judged.validated, judged.problems), (1, Vec::new()));
}

#[rstest]
#[case::unknown_member(discovered(), send(POSTS, json!({"topic": "EVENT", "colour": "red"})), "colour")]
#[case::unknown_member_inside(discovered(), send(POSTS, json!({"topic": "EVENT", "event": {"hour": 1}})), "hour")]
#[case::output_only(discovered(), send(POSTS, json!({"topic": "EVENT", "name": "a"})), "name")]
#[case::wrong_word(discovered(), send(POSTS, json!({"topic": "PARTY"})), "PARTY")]
#[case::wrong_type(discovered(), send(POSTS, json!({"topic": "EVENT", "event": {"day": "1"}})), "integer")]
#[case::no_time(discovered(), send(POSTS, json!({"topic": "EVENT", "event": {"at": "noon"}})), "date-time")]
#[case::missing_member(discovered(), send(POSTS, json!({})), "required")]
#[case::missing_body(discovered(), request(Method::POST, POSTS, Body::Empty), "a body is missing")]
#[case::a_form(discovered(), fill(POSTS, &[("topic", "EVENT")]), "a form where JSON")]
#[case::needless_body(discovered(), send("https://posts.example/v4/places/1:stop", json!({})), "none is specified")]
#[case::wrong_method(discovered(), request(Method::PUT, POSTS, Body::Empty), "no such operation")]
#[case::wrong_path(discovered(), ask("https://posts.example/v4/places/1/post", "mask=a"), "no such operation")]
#[case::wrong_verb(discovered(), send("https://posts.example/v4/places/1:go", json!({})), "no such operation")]
#[case::wrong_host(discovered(), ask("https://post.example/v4/places/1/posts", "mask=a"), "no such operation")]
#[case::unknown_parameter(discovered(), ask(POSTS, "mask=a&size=5"), "size")]
#[case::missing_parameter(discovered(), ask(POSTS, "pageSize=5"), "mask")]
#[case::wrong_parameter(discovered(), ask(POSTS, "mask=a&pageSize=five"), "integer")]
#[case::wrong_mask(discovered(), ask(POSTS, "mask=a%20b"), "a b")]
#[case::wrong_item(discovered(), ask(POSTS, "mask=a&kinds=A&kinds=C"), "kinds")]
#[case::twice(discovered(), ask(POSTS, "mask=a&pageSize=5&pageSize=6"), "given twice")]
#[case::swagger_member(swagged(), send(MAILS, json!({"type": "plain", "colour": "red"})), "colour")]
#[case::swagger_reference(swagged(), send(MAILS, json!({"type": "plain", "segment": {"match": "none"}})), "none")]
#[case::swagger_read_only(swagged(), send(MAILS, json!({"type": "plain", "id": "1"})), "id")]
#[case::swagger_word(swagged(), send(MAILS, json!({"type": "fancy"})), "fancy")]
#[case::swagger_type(swagged(), send(MAILS, json!({"type": "plain", "tries": "2"})), "integer")]
#[case::swagger_bound(swagged(), send(MAILS, json!({"type": "plain", "tries": 0})), "minimum")]
#[case::swagger_missing(swagged(), send(MAILS, json!({"tries": 1})), "type")]
#[case::swagger_parameter(swagged(), ask(MAILS, "sort=up"), "up")]
#[case::swagger_too_many(swagged(), ask(MAILS, "count=1001"), "maximum")]
#[case::swagger_method(swagged(), request(Method::PATCH, MAILS, Body::Empty), "no such operation")]
#[case::swagger_server(swagged(), ask("https://a.b.mail.example/3.0/mails", ""), "no such operation")]
#[case::meta_parameter(contracted(), fill(FEED, &[("colour", "red")]), "colour")]
#[case::meta_type(contracted(), fill(FEED, &[("published", "yes")]), "boolean")]
#[case::meta_item(contracted(), fill(FEED, &[("attached[0]", "1")]), "object")]
#[case::meta_missing(contracted(), fill(PUBLISH, &[]), "creation")]
#[case::meta_number(contracted(), fill(PUBLISH, &[("creation", "-1")]), "minimum")]
#[case::meta_word(contracted(), fill(PUBLISH, &[("creation", "1"), ("state", "LIVE")]), "LIVE")]
#[case::meta_field(contracted(), fill("https://graph.example/v26.0/1/feed?fields=id,colour", &[]), "colour")]
#[case::meta_json(contracted(), send(PUBLISH, json!({"creation": 1})), "a form is specified")]
#[case::meta_method(contracted(), ask("https://graph.example/v26.0/1_2", ""), "no such operation")]
fn what_is_not_specified_is_found(#[case] mut specified: Specified, #[case] request: Request, #[case] said: &str) {
    specified.operations.iter_mut().for_each(|operation| operation.listed_as = None);
    let judged = judge(&[("a request".into(), request)], &specified);
    assert_eq!((judged.validated, judged.elsewhere), (0, 0));
    let [problem] = judged.problems.as_slice() else { panic!("{:?}", judged.problems) };
    assert!(problem.contains(said), "{problem}");
}

#[test]
fn an_exception_that_nothing_needs_is_found() {
    let uncovered = |host| Uncovered { method: Method::POST, host, path: "/token", reason: "another API" };
    let asked = ("a login".to_owned(), request(Method::POST, "https://login.example/token", Body::Empty));
    let listed = ("a list".to_owned(), ask(POSTS, "mask=a"));
    let specified = Specified { uncovered: vec![uncovered("login.example")], ..discovered() };
    let judged = judge(&[asked.clone(), listed.clone()], &specified);
    assert_eq!((judged.validated, judged.elsewhere, judged.problems), (1, 1, Vec::new()));
    let specified =
        Specified { uncovered: vec![uncovered("login.example"), uncovered("other.example")], ..discovered() };
    assert_eq!(
        judge(&[asked, listed.clone()], &specified).problems,
        ["nothing needs the exception 1, POST /token (another API)"]
    );
    // What is specified needs no exception, either.
    let path = "/v4/places/{place}/posts";
    let known = Uncovered { method: Method::GET, host: "posts.example", path, reason: "it is specified" };
    let judged = judge(&[listed], &Specified { uncovered: vec![known], ..discovered() });
    assert_eq!((judged.validated, judged.problems.len()), (1, 1));
}

#[test]
fn a_difference_changes_what_is_taken_and_has_to_be_needed() {
    let path = "/v4/places/{placesId}/posts";
    let difference = |name: &'static str| Difference {
        method: Method::POST,
        path,
        change: Change::Body(name, json!({"type": "string"})),
        reason: "newer than the document",
    };
    let newer = || ("a post".to_owned(), send(POSTS, json!({"topic": "EVENT", "colour": "red"})));
    let specified = Specified { differences: vec![difference("/properties/colour")], ..discovered() };
    let judged = judge(&[newer()], &specified);
    assert_eq!((judged.validated, judged.problems), (1, Vec::new()));
    let differences = vec![difference("/properties/colour"), difference("/properties/shape")];
    let judged = judge(&[newer()], &Specified { differences, ..discovered() });
    assert!(judged.problems.iter().any(|problem| problem.contains("shape")), "{:?}", judged.problems);
    assert_eq!(judged.problems.len(), 1);
}

#[test]
fn a_line_that_no_call_needs_is_found() {
    let judged = judge(&[("a post".to_owned(), fill(FEED, &[("message", "a")]))], &contracted());
    assert_eq!(judged.validated, 1);
    assert_eq!(
        judged.problems,
        ["nothing needs the line \"/{version}/{page}/publish\"", "nothing needs the line \"/{version}/{post}\""]
    );
}
