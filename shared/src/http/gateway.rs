//! API Gateway's HTTP API events (payload 2.0) to [`Request`], and [`Response`] back.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use bytes::Bytes;
use data_encoding::BASE64;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::{Caller, Request, Response, routes};
use crate::{
    authorize::Identity,
    limit::Limiter,
    problem::{Code, Problem},
    scope::Scopes,
    tenant::Tenant,
};

/// What the authorizer tells the functions behind it. API Gateway hands it on; a caller cannot write it.
pub const TENANT: &str = "tenant";
/// See [`TENANT`].
pub const KEY: &str = "key";
/// See [`TENANT`]: what the key may do, with spaces in between.
pub const SCOPES: &str = "scopes";
/// Why nobody is known, if so: the code of an unknown, ended or revoked key, or of a deleted tenant.
pub const REFUSAL: &str = "refusal";

/// Why a key may be refused.
const REFUSALS: [Code; 4] = [Code::KeyUnknown, Code::KeyExpired, Code::KeyRevoked, Code::TenantDeleted];

/// The answer as API Gateway wants it.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    status_code: u16,
    headers: serde_json::Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// Reads an event. `public` is the configured address of the API; without one it is the domain that API Gateway was
/// reached at, which API Gateway itself vouches for.
///
/// # Errors
/// The event says that its body is base64 and it is not.
pub fn request(event: ApiGatewayV2httpRequest, public: Option<&Url>) -> Result<Request, Problem> {
    let context = event.request_context;
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        let decoded = BASE64.decode(body.as_bytes());
        Bytes::from(decoded.map_err(|_| Problem::new(Code::BodyNotJson, "The body is not valid base64."))?)
    } else {
        Bytes::from(body)
    };
    let base = match public {
        Some(public) => Some(public.clone()),
        None => context.domain_name.as_deref().and_then(|domain| Url::parse(&format!("https://{domain}")).ok()),
    };
    let fields = context.authorizer.map(|authorizer| authorizer.fields).unwrap_or_default();
    Ok(Request {
        route: event.route_key.or(context.route_key).unwrap_or_default(),
        method: context.http.method,
        path: event.raw_path.unwrap_or_default(),
        parameters: event.path_parameters.into_iter().collect(),
        query: form_urlencoded::parse(event.raw_query_string.unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: event.headers,
        cookies: event.cookies.unwrap_or_default(),
        body,
        caller: caller(&fields),
        base: base.ok_or_else(|| Problem::new(Code::Unavailable, "postd does not know its own address."))?,
    })
}

fn caller(fields: &std::collections::HashMap<String, Value>) -> Result<Caller, Code> {
    let text = |name| fields.get(name).and_then(Value::as_str);
    if let Some(refusal) = REFUSALS.into_iter().find(|code| text(REFUSAL) == Some(code.name())) {
        return Err(refusal);
    }
    let tenant = text(TENANT).and_then(|tenant| tenant.parse().ok());
    let key = text(KEY).and_then(|key| key.parse().ok());
    match (tenant, key, text(SCOPES)) {
        (Some(tenant), Some(key), Some(scopes)) => {
            Ok(Caller { tenant: Tenant::verified(tenant), key, scopes: Scopes::read(scopes) })
        }
        // The answer of an authorizer that knew of no scopes: it is forgotten in a minute, and grants nothing until then.
        (Some(_), Some(_), None) => Err(Code::Unavailable),
        _ => Err(Code::KeyUnknown),
    }
}

/// The authorizer's answer to API Gateway: who calls, for the function behind it. An unknown caller is let through as
/// nobody, because only our functions can say why in a problem; see `functions/authorizer`.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    is_authorized: bool,
    context: serde_json::Map<String, Value>,
}

/// Writes the authorizer's answer.
#[must_use]
pub fn authorized(identity: Result<Identity, Code>) -> Authorized {
    let fields = match identity {
        Ok(Identity { tenant, key, scopes }) => {
            vec![(TENANT, tenant.id().to_string()), (KEY, key.to_string()), (SCOPES, scopes.to_string())]
        }
        Err(code) => vec![(REFUSAL, code.name().to_owned())],
    };
    let context = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Authorized { is_authorized: true, context }
}

/// Writes an answer, with the headers that every answer carries: nothing of it may be cached, guessed at or framed.
#[must_use]
pub fn response(response: Response) -> GatewayResponse {
    let mut headers = serde_json::Map::new();
    for (name, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        headers.insert(name.into(), value.into());
    }
    for (name, value) in response.headers {
        headers.insert(name.into(), value.into());
    }
    GatewayResponse {
        status_code: response.status,
        headers,
        cookies: response.cookies,
        body: response.body,
        is_base64_encoded: false,
    }
}

/// What stands in front of every use case that answers callers.
#[derive(Debug)]
pub struct Front {
    /// Where the outside world reaches the API, if it is configured; see [`request`].
    pub public_url: Option<Url>,
    /// Who may call how often.
    pub limiter: Limiter,
}

/// Answers an event with `handle`, unless its caller has called too often or may not use the route. A refusal is an answer like any other: the
/// function itself never fails.
pub async fn answer<F>(
    event: ApiGatewayV2httpRequest,
    front: &Front,
    handle: impl FnOnce(Request) -> F,
) -> GatewayResponse
where
    F: Future<Output = Result<Response, Problem>>,
{
    // As API Gateway saw it. What callers write into `X-Forwarded-For` is their own affair.
    let source = event.request_context.http.source_ip.as_deref().and_then(|source| source.parse().ok());
    let request = match request(event, front.public_url.as_ref()) {
        Ok(request) => request,
        Err(problem) => return response(problem.into()),
    };
    // Boxed: the SDK's futures nest so deeply that the compiler gives up on one that holds them all.
    let verdict = Box::pin(front.limiter.admit(&request, source)).await;
    let admitted = verdict.refusal().map_or_else(|| routes::admit(&request), Err);
    let outcome = match admitted {
        Ok(()) => Box::pin(handle(request)).await,
        Err(problem) => Err(problem),
    };
    response(verdict.mark(outcome.unwrap_or_else(Response::from)))
}

/// A header's value, if it is readable text.
#[must_use]
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
