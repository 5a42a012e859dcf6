//! Whether a presigned request is what its signer allowed: AWS Signature Version 4 in the query, worked out anew from the
//! request as it came.

use std::fmt::Write as _;

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::HEXLOWER;
use http::{HeaderMap, Method, StatusCode};

use super::error::S3Error;
use crate::{REGION, SECRET_ACCESS_KEY};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// A week: no signature lasts longer.
const LONGEST_LIFE: u64 = 604_800;
/// How far ahead of S3's clock the signer's may be.
const CLOCK_SKEW_MS: u64 = 15 * 60 * 1000;

/// A query, as it was written and as it is meant.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What is asked besides the signature.
    pub(super) fn others(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("X-Amz-") && *name != "x-id")
    }

    /// Everything but the signature, sorted, each name and value spelled in the one way.
    fn canonical(&self) -> String {
        let mut pairs: Vec<(String, String)> = self
            .0
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (encoded(name, false), encoded(value, false)))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

/// The access key id that signed the request, if it is what was signed and the time has not run out.
pub(super) fn verify(
    method: &Method,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
    now_ms: u64,
) -> Result<String, S3Error> {
    if query.get("X-Amz-Signature").is_none() && query.get("X-Amz-Algorithm").is_none() {
        return Err(if headers.contains_key(http::header::AUTHORIZATION) {
            S3Error::not_implemented("a signature in the header Authorization; presigned requests are")
        } else {
            S3Error::denied("Access Denied")
        });
    }
    let part = |name: &str| {
        query.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            S3Error::bad_query(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
                 X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            )
        })
    };
    if part("X-Amz-Algorithm")? != ALGORITHM {
        return Err(S3Error::bad_query(format!("X-Amz-Algorithm only supports \"{ALGORITHM}\"")));
    }
    let (credential, date) = (part("X-Amz-Credential")?, part("X-Amz-Date")?);
    let (expires, signed, signature) = (part("X-Amz-Expires")?, part("X-Amz-SignedHeaders")?, part("X-Amz-Signature")?);
    let signed_at = milliseconds(date)
        .ok_or_else(|| S3Error::bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
    let caller = scope(credential, date)?;
    let life: u64 = expires.parse().map_err(|_| S3Error::bad_query("X-Amz-Expires should be a number"))?;
    if life == 0 || life > LONGEST_LIFE {
        return Err(S3Error::bad_query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        ));
    }
    if signed_at > now_ms.saturating_add(CLOCK_SKEW_MS) {
        return Err(S3Error::denied("Request is not valid yet"));
    }
    if now_ms >= signed_at.saturating_add(life * 1000) {
        return Err(S3Error::denied("Request has expired"));
    }
    let signed_headers: Vec<&str> = signed.split(';').collect();
    all_signed(headers, &signed_headers)?;
    let mut canonical = format!("{method}\n{}\n{}\n", encoded(&decoded(path), true), query.canonical());
    for name in &signed_headers {
        let values: Vec<String> = headers
            .get_all(*name)
            .iter()
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        // Writing to a String cannot fail.
        let _written = writeln!(canonical, "{name}:{}", values.join(","));
    }
    let _written = write!(canonical, "\n{signed}\nUNSIGNED-PAYLOAD");
    let scope = credential.split_once('/').map_or("", |(_, scope)| scope);
    let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{hash}");
    let day = date.get(..8).unwrap_or_default();
    let expected = HEXLOWER.encode(&signing(day, &to_sign));
    if constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_err() {
        return Err(S3Error::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method.",
        ));
    }
    Ok(caller)
}

/// `{key}/{day}/{region}/s3/aws4_request`: the key.
fn scope(credential: &str, date: &str) -> Result<String, S3Error> {
    let parts: Vec<&str> = credential.split('/').collect();
    let wrong = |what: &str| S3Error::bad_query(format!("Error parsing the X-Amz-Credential parameter; {what}"));
    let [key, day, region, service, end] = parts.as_slice() else {
        return Err(wrong(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    };
    if Some(*day) != date.get(..8) {
        return Err(wrong("incorrect date. This date must match X-Amz-Date."));
    }
    if *region != REGION {
        return Err(wrong(&format!("the region '{region}' is wrong; expecting '{REGION}'")));
    }
    if *service != "s3" || *end != "aws4_request" || key.is_empty() {
        return Err(wrong("incorrect service or terminal. This endpoint belongs to \"s3\"."));
    }
    Ok((*key).to_owned())
}

/// `host` and every header of AWS's own must be among the signed ones, and each signed one in the request.
fn all_signed(headers: &HeaderMap, signed: &[&str]) -> Result<(), S3Error> {
    let is_signed = |name: &str| signed.contains(&name);
    let unsigned =
        headers.keys().map(http::HeaderName::as_str).find(|name| name.starts_with("x-amz-") && !is_signed(name));
    if !is_signed("host") || unsigned.is_some() {
        return Err(S3Error::denied("There were headers present in the request which were not signed"));
    }
    let is_sorted = signed.windows(2).all(|pair| pair.first() < pair.last());
    if !is_sorted || signed.iter().any(|name| name.chars().any(|letter| letter.is_ascii_uppercase())) {
        return Err(S3Error::bad_query("X-Amz-SignedHeaders must be in lower case and sorted."));
    }
    Ok(())
}

fn signing(day: &str, to_sign: &str) -> Vec<u8> {
    let step =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let key = step(format!("AWS4{SECRET_ACCESS_KEY}").as_bytes(), day);
    let key = step(&step(&step(&key, REGION), "s3"), "aws4_request");
    step(&key, to_sign)
}

/// `20261121T100000Z` in milliseconds since the Unix epoch.
fn milliseconds(date: &str) -> Option<u64> {
    let is_shaped = date.len() == 16
        && date.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_shaped {
        return None;
    }
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970
    {
        return None;
    }
    let seconds = super::time::days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000)
}

/// Percent-encoding undone; `+` is a plus.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = text.as_bytes().iter();
    let mut out = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let rest = bytes.as_slice();
        let hex = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                out.push(value);
                bytes.nth(1);
            }
            None => out.push(b'%'),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encoding as signatures want it.
fn encoded(text: &str, is_path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if is_path => out.push('/'),
            byte => {
                // Writing to a String cannot fail.
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
