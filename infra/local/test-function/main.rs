//! A function for the tests of the local cloud: speaks the Runtime API over a plain socket, and does what its event says.

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let variables: Vec<(String, String)> = env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let variable = |name: &str| variables.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let api = variable("AWS_LAMBDA_RUNTIME_API").trim_start_matches("http://");
    let (address, environment) = api.split_once('/').unwrap_or_default();
    let runtime = Runtime { address: address.to_owned(), environment: environment.to_owned() };
    match variable("TEST_INIT") {
        "exit" => std::process::exit(7),
        "error" => {
            let reason = json!({"errorType": "Config", "errorMessage": "POSTD_X is missing"});
            runtime.call("POST", "init/error", &reason.to_string())?;
            std::process::exit(1);
        }
        _ => {}
    }
    let mut count = 0;
    loop {
        let (headers, body) = runtime.call("GET", "invocation/next", "")?;
        count += 1;
        let header = |name: &str| {
            headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
        };
        let request_id = header("Lambda-Runtime-Aws-Request-Id");
        let event: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (path, answer) = match event.get("do").and_then(Value::as_str).unwrap_or_default() {
            "exit" => std::process::exit(3),
            "hang" => hang(),
            "fail" => ("error", json!({"errorType": "Refused", "errorMessage": "as told"})),
            "environment" => {
                let variables = variables.iter().cloned().map(|(name, value)| (name, Value::String(value)));
                ("response", Value::Object(variables.collect()))
            }
            "headers" => ("response", json!(headers)),
            "count" => ("response", json!({"count": count, "pid": std::process::id()})),
            "log" => {
                writeln!(io::stdout(), "{}", event.get("line").and_then(Value::as_str).unwrap_or_default())?;
                ("response", Value::Null)
            }
            _ => ("response", respond(&event, count)),
        };
        runtime.call("POST", &format!("invocation/{request_id}/{path}"), &answer.to_string())?;
    }
}

fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// By the kind of event: an authorizer, an HTTP API, a queue.
fn respond(event: &Value, count: u32) -> Value {
    if event.get("type").and_then(Value::as_str) == Some("REQUEST") {
        let key = event.pointer("/identitySource/0").and_then(Value::as_str).unwrap_or_default();
        return match key {
            "broken" => json!({"isAuthorized": "perhaps"}),
            key => json!({"isAuthorized": key == "good", "context": {"count": count}}),
        };
    }
    if event.get("requestContext").is_some() {
        let body = event.get("body").and_then(Value::as_str).unwrap_or_default();
        return match serde_json::from_str::<Value>(body) {
            // The caller says what the function answers.
            Ok(order) if order.get("hang").is_some() => hang(),
            Ok(answer) if answer.get("answer").is_some() => answer.get("answer").cloned().unwrap_or_default(),
            Ok(_) | Err(_) => {
                json!({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": event.to_string()})
            }
        };
    }
    let records = event.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    if records.iter().any(|record| record.get("body") == Some(&json!("exit"))) {
        std::process::exit(3);
    }
    if records.iter().any(|record| record.get("body") == Some(&json!("hang"))) {
        hang();
    }
    let failed = records.iter().filter(|record| record.get("body") == Some(&json!("fail")));
    let failed: Vec<Value> = failed.map(|record| json!({"itemIdentifier": record.get("messageId")})).collect();
    json!({"batchItemFailures": failed})
}

struct Runtime {
    address: String,
    environment: String,
}

type Answer = (Vec<(String, String)>, Vec<u8>);

impl Runtime {
    /// One request on a connection of its own.
    fn call(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "{method} /{}/2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.environment,
            self.address,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok((headers, body))
    }
}
