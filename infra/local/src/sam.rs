//! What `sam local invoke` needs to run a function in a container against this cloud: a template in which everything is said
//! already. Where the tables are is known only here, and SAM hands on no variable that the template of AWS does not have.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use crate::lambda::FunctionDefinition;

/// How a container reaches its host's loopback address where Docker is a program with a machine of its own (Docker Desktop).
const HOST_OF_CONTAINERS: &str = "host.docker.internal";

/// The architecture of this machine, as Lambda names it.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// The template: each function as `sam build` left it in `built`, with the variables that it has here.
///
/// A function signs with its own name, by which the emulators tell whose policies apply: in the container it may do what it may do
/// at AWS.
pub(crate) fn template<'a>(
    functions: impl Iterator<Item = &'a FunctionDefinition>,
    common: &BTreeMap<String, String>,
    aws: &str,
    built: &Path,
) -> Value {
    let resource = |function: &FunctionDefinition| {
        let mut variables = function.environment.clone();
        variables.extend(common.clone());
        variables.insert("AWS_ENDPOINT_URL".to_owned(), from_container(aws));
        variables.insert("AWS_ACCESS_KEY_ID".to_owned(), function.name.clone());
        variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "local".to_owned());
        for region in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            variables.insert(region.to_owned(), emulators::REGION.to_owned());
        }
        let properties = json!({
            "CodeUri": built.join(&function.logical_id),
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Architectures": [ARCHITECTURE],
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout.as_secs(),
            "Environment": {"Variables": variables},
        });
        (function.logical_id.clone(), json!({"Type": "AWS::Serverless::Function", "Properties": properties}))
    };
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": "The functions of postd against the local cloud that wrote this, for as long as it runs.",
        "Resources": functions.map(resource).collect::<serde_json::Map<_, _>>(),
    })
}

/// An address of this machine, as it is seen from a container.
fn from_container(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    let is_loopback = parsed.host_str().and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_loopback());
    if is_loopback && parsed.set_host(Some(HOST_OF_CONTAINERS)).is_ok() {
        return parsed.as_str().trim_end_matches('/').to_owned();
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_the_hosts_and_any_other_is_what_it_is() {
        assert_eq!(from_container("http://127.0.0.1:8082"), "http://host.docker.internal:8082");
        assert_eq!(from_container("http://172.17.0.1:8082"), "http://172.17.0.1:8082");
    }
}
