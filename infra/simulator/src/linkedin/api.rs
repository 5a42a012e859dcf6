//! Which call is which.

use super::error::ApiError;
use super::handle::Linkedin;
use super::media;
use super::world::{Caller, World};
use crate::call::Call;
use crate::reply::Reply;
use crate::stage::Acted;
use hyper::Method;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

/// When versions end, by LinkedIn's table.
const VERSIONS: [(&str, Date); 11] = [
    ("202510", jiff::civil::date(2026, 10, 15)),
    ("202511", jiff::civil::date(2026, 11, 16)),
    ("202601", jiff::civil::date(2027, 1, 15)),
    ("202602", jiff::civil::date(2027, 2, 15)),
    ("202603", jiff::civil::date(2027, 3, 16)),
    ("202604", jiff::civil::date(2027, 4, 15)),
    ("202605", jiff::civil::date(2027, 5, 15)),
    ("202606", jiff::civil::date(2027, 6, 15)),
    ("202607", jiff::civil::date(2027, 7, 15)),
    ("202608", jiff::civil::date(2027, 8, 17)),
    ("202609", jiff::civil::date(2027, 9, 15)),
];

/// The path's segments, decoded.
pub(crate) fn segments(call: &Call) -> Vec<String> {
    let decoded = |segment: &&str| segment.replace("%3A", ":").replace("%3a", ":");
    call.segments().iter().map(decoded).collect()
}

/// What faults call it.
pub(crate) fn edge(call: &Call) -> &'static str {
    let path = segments(call);
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["oauth", "v2", "authorization"] => "authorization",
        ["oauth", "v2", "accessToken"] => "accessToken",
        ["oauth", "v2", "introspectToken"] => "introspectToken",
        ["v2", "userinfo"] => "userinfo",
        ["dms-uploads", ..] => "upload",
        ["rest", "posts", ..] => "posts",
        ["rest", "videos"] if call.query.iter().any(|(_, value)| value == "finalizeUpload") => "finalize",
        ["rest", "images" | "videos" | "documents"] => "media",
        ["rest", "images" | "videos" | "documents", _] => "status",
        ["rest", "organizationAcls"] => "organizationAcls",
        ["rest", "organizations", _] => "organizations",
        ["rest", "organizationalEntityShareStatistics"] => "statistics",
        _ => "nowhere",
    }
}

/// Answers a call.
pub(crate) fn answer(linkedin: &Linkedin, call: &Call, now: Timestamp) -> Result<Acted, ApiError> {
    let path = segments(call);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut world = linkedin.world();
    match path.as_slice() {
        ["oauth", "v2", "authorization"] => Ok(Acted::accepted(world.authorize(call, now))),
        ["oauth", "v2", "accessToken"] => Ok(of_token(world.exchange(call, now))),
        ["oauth", "v2", "introspectToken"] => Ok(of_token(world.introspect(call, now))),
        ["dms-uploads", key, number] if call.method == Method::PUT => {
            world.upload(key, number, call, now).map(Acted::accepted)
        }
        ["v2", "userinfo"] if call.method == Method::GET => {
            let caller = world.caller(call, now)?;
            world.userinfo(&caller).map(Acted::accepted)
        }
        ["rest", rest @ ..] => {
            check_version(call, now)?;
            let caller = world.caller(call, now)?;
            world.rest(&caller, rest, call, now).map(Acted::accepted)
        }
        _ => Err(ApiError::missing()),
    }
}

fn of_token((reply, code): (Reply, Option<&'static str>)) -> Acted {
    Acted { reply, code: code.map(str::to_owned) }
}

fn check_version(call: &Call, now: Timestamp) -> Result<(), ApiError> {
    let version = call.header("linkedin-version");
    let version = version.ok_or_else(|| ApiError::bad("VERSION_MISSING", "A version must be present"))?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let known = VERSIONS.iter().find(|(name, _)| *name == version);
    if known.is_none_or(|(_, end)| today >= *end) {
        return Err(ApiError::version(version));
    }
    if call.header("x-restli-protocol-version") != Some("2.0.0") {
        return Err(ApiError::bad("PARAM_INVALID", "The protocol must be 2.0.0"));
    }
    Ok(())
}

impl World {
    fn rest(&mut self, caller: &Caller, path: &[&str], call: &Call, now: Timestamp) -> Result<Reply, ApiError> {
        match (&call.method, path) {
            (&Method::GET, ["organizationAcls"]) => self.acls(caller, call),
            (&Method::GET, ["organizations", id]) => self.organization(caller, id),
            (&Method::POST, ["posts"]) => self.create(caller, call, now),
            (&Method::GET, ["posts"]) => self.list_posts(caller, call, now),
            (&Method::GET, ["posts", urn]) => self.read_post(caller, urn),
            (&Method::DELETE, ["posts", urn]) => self.delete_post(caller, urn),
            (&Method::GET, ["organizationalEntityShareStatistics"]) => self.statistics(caller, call, now),
            (&Method::POST, [media]) => {
                let kind = media::kind(media).ok_or_else(ApiError::missing)?;
                self.act_on_media(caller, kind, call, now)
            }
            (&Method::GET, [media, urn]) if media::kind(media).is_some() => self.read_media(caller, urn, now),
            _ => Err(ApiError::missing()),
        }
    }

    fn userinfo(&self, caller: &Caller) -> Result<Reply, ApiError> {
        caller.may("profile", "userinfo.GET")?;
        let member = self.members.iter().find(|member| member.id == caller.member).ok_or_else(ApiError::missing)?;
        let (given, family) = member.name.split_once(' ').unwrap_or((member.name, ""));
        let body = json!({
            "sub": member.id, "name": member.name, "given_name": given, "family_name": family,
            "picture": "https://media.licdn.com/gone", "locale": {"country": "US", "language": "en"},
        });
        Ok(Reply::json(200, &body))
    }

    /// `GET /rest/organizationAcls?q=roleAssignee`: one a page, so that there are pages.
    fn acls(&self, caller: &Caller, call: &Call) -> Result<Reply, ApiError> {
        let query = |name: &str| call.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        if query("q") != Some("roleAssignee") {
            return Err(media::missing("q"));
        }
        caller.may("rw_organization_admin", "organizationAcls.FINDER")?;
        let start: usize = query("start").and_then(|start| start.parse().ok()).unwrap_or(0);
        let own: Vec<Value> = self
            .roles
            .iter()
            .filter(|role| role.member == caller.member)
            .map(|role| {
                json!({
                    "organization": role.organization, "role": role.name, "state": "APPROVED",
                    "roleAssignee": format!("urn:li:person:{}", role.member),
                })
            })
            .collect();
        let page: Vec<&Value> = own.iter().skip(start).take(1).collect();
        let mut links = Vec::new();
        if start + page.len() < own.len() {
            links.push(json!({"rel": "next", "href": format!("/rest/organizationAcls?start={}", start + page.len())}));
        }
        let paging = json!({"start": start, "count": 1, "links": links, "total": own.len()});
        Ok(Reply::json(200, &json!({"elements": page, "paging": paging})))
    }

    fn organization(&self, caller: &Caller, id: &str) -> Result<Reply, ApiError> {
        let urn = format!("urn:li:organization:{id}");
        let found = self.organizations.iter().find(|organization| organization.urn == urn);
        let found = found.ok_or_else(ApiError::missing)?;
        if !self.has_role(caller, &urn, &["ADMINISTRATOR"]) {
            return Err(ApiError::denied("organizations.GET"));
        }
        let body = json!({"id": id, "localizedName": found.name, "vanityName": found.vanity, "$URN": urn});
        Ok(Reply::json(200, &body))
    }
}
