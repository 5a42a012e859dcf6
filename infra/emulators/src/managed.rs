//! AWS KMS and Secrets Manager, by winterbaume, with what it gets wrong put right, and kept on disk when asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockService, StatefulService};
use winterbaume_kms::KmsService;
use winterbaume_secretsmanager::SecretsManagerService;

use crate::server::Reply;
use crate::{ACCOUNT, Error, REGION, disk};

/// AWS KMS.
pub(crate) struct Kms {
    service: KmsService,
    /// As it was before each rotation on demand, the newest last.
    rotated: Mutex<Vec<Arc<KmsService>>>,
    file: Option<PathBuf>,
}

/// AWS Secrets Manager.
pub(crate) struct SecretsManager {
    service: SecretsManagerService,
    file: Option<PathBuf>,
}

impl std::fmt::Debug for Kms {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kms").field("file", &self.file).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SecretsManager {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretsManager").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Kms {
    pub(crate) async fn start(file: Option<PathBuf>) -> Result<Self, Error> {
        let service = KmsService::new();
        if let Some(view) = disk::load(file.as_deref())? {
            service.restore(ACCOUNT, REGION, view).await.map_err(|error| Error::Restore(error.to_string()))?;
        }
        Ok(Self { service, rotated: Mutex::default(), file })
    }

    pub(crate) async fn handle(&self, operation: &str, headers: HeaderMap, body: Bytes) -> Reply {
        let body = match checked(operation, &body) {
            Ok(body) => body,
            Err(invalid) => return Reply::refusal(400, "ValidationException", invalid),
        };
        if operation == "RotateKeyOnDemand" {
            self.keep().await;
        }
        let reply = pass_on(&self.service, headers.clone(), body.clone()).await;
        if operation == "Decrypt" && is_unreadable(&reply) {
            return self.decrypt_as_before(headers, body).await.unwrap_or(reply);
        }
        if reply.status.is_success() && !is_read(operation) && self.file.is_some() {
            let view = self.service.snapshot(ACCOUNT, REGION).await;
            if let Err(error) = disk::save(self.file.as_deref(), &view) {
                return Reply::refusal(500, "KMSInternalException", &error.to_string());
            }
        }
        reply
    }
}

impl Kms {
    /// The material of every key, of the materials before a rotation as well.
    pub(crate) async fn material(&self) -> Vec<Vec<u8>> {
        let rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut material = Vec::new();
        for service in rotated.iter().map(AsRef::as_ref).chain([&self.service]) {
            let view = service.snapshot(ACCOUNT, REGION).await;
            material.extend(view.keys.into_values().map(|key| key.key_material));
        }
        material
    }

    /// Keeps what there is: winterbaume forgets a key's material when it is rotated, and KMS never does. Not kept on disk.
    async fn keep(&self) {
        let service = KmsService::new();
        let view = self.service.snapshot(ACCOUNT, REGION).await;
        if service.restore(ACCOUNT, REGION, view).await.is_ok() {
            self.rotated.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(service));
        }
    }

    /// What one of the earlier materials opens.
    async fn decrypt_as_before(&self, headers: HeaderMap, body: Bytes) -> Option<Reply> {
        let rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for service in rotated.iter().rev() {
            let reply = pass_on(service.as_ref(), headers.clone(), body.clone()).await;
            if reply.status.is_success() {
                return Some(reply);
            }
        }
        None
    }
}

/// Whether KMS says that the ciphertext is none of its own. A disabled key is told before that.
fn is_unreadable(reply: &Reply) -> bool {
    !reply.status.is_success() && String::from_utf8_lossy(&reply.body).contains("InvalidCiphertextException")
}

impl SecretsManager {
    pub(crate) async fn start(file: Option<PathBuf>) -> Result<Self, Error> {
        let service = SecretsManagerService::new();
        if let Some(view) = disk::load(file.as_deref())? {
            service.restore(ACCOUNT, REGION, view).await.map_err(|error| Error::Restore(error.to_string()))?;
        }
        Ok(Self { service, file })
    }

    pub(crate) async fn handle(&self, operation: &str, headers: HeaderMap, body: Bytes) -> Reply {
        let reply = pass_on(&self.service, headers, body).await;
        if reply.status.is_success() && !is_read(operation) && self.file.is_some() {
            let view = self.service.snapshot(ACCOUNT, REGION).await;
            if let Err(error) = disk::save(self.file.as_deref(), &view) {
                return Reply::refusal(500, "InternalServiceError", &error.to_string());
            }
        }
        reply
    }
}

/// Operations that change nothing that is kept.
fn is_read(operation: &str) -> bool {
    ["Encrypt", "Decrypt", "ReEncrypt", "Generate", "Describe", "List", "Get", "Verify", "Sign"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}

async fn pass_on(service: &impl MockService, headers: HeaderMap, body: Bytes) -> Reply {
    let uri = format!("https://{}.{REGION}.amazonaws.com/", service.service_name());
    let request = MockRequest { method: "POST".to_owned(), uri, headers, body };
    let response = service.handle(request).await;
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply { status, headers: response.headers, body: response.body }
}

/// A KMS request with its encryption contexts made unambiguous and its sizes checked.
///
/// winterbaume joins a context as `key=value,key=value`, so `{a: "1,b=2"}` would open what `{a: "1", b: "2"}` sealed. One
/// entry that holds the whole context in hexadecimal cannot be mistaken for another.
fn checked(operation: &str, body: &Bytes) -> Result<Bytes, &'static str> {
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else { return Ok(body.clone()) };
    let Some(fields) = request.as_object_mut() else { return Ok(body.clone()) };
    if operation.starts_with("GenerateDataKey") && !operation.contains("Pair") {
        check_data_key(fields)?;
    }
    for name in ["EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext"] {
        let Some(context) = fields.get(name) else { continue };
        let Ok(context) = serde_json::from_value::<BTreeMap<String, String>>(context.clone()) else { continue };
        if context.is_empty() {
            continue;
        }
        let whole = HEXLOWER.encode(json!(context).to_string().as_bytes());
        fields.insert(name.to_owned(), json!({"context": whole}));
    }
    Ok(Bytes::from(request.to_string()))
}

fn check_data_key(fields: &serde_json::Map<String, Value>) -> Result<(), &'static str> {
    match (fields.get("KeySpec"), fields.get("NumberOfBytes").and_then(Value::as_i64)) {
        (Some(_), Some(_)) | (None, None) => Err("Please specify either number of bytes or key spec."),
        (None, Some(bytes)) if !(1..=1024).contains(&bytes) => {
            Err("Value at 'numberOfBytes' failed to satisfy constraint: Member must be between 1 and 1024")
        }
        (Some(_), None) | (None, Some(_)) => Ok(()),
    }
}
