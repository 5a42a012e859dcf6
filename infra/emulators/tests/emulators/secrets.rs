//! KMS and Secrets Manager: envelope encryption bound to its context, and secrets that can be read back.

use std::collections::HashMap;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

use crate::start;

fn context(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_data_key_opens_only_under_its_own_context() {
    let (emulators, config) = start().await;
    let client = aws_sdk_kms::Client::new(&config);
    let key = emulators.create_key("alias/tokens").await.unwrap();
    let generated = client
        .generate_data_key()
        .key_id(&key)
        .key_spec(DataKeySpec::Aes256)
        .set_encryption_context(Some(context(&[("tenant", "1"), ("purpose", "2")])))
        .send()
        .await
        .unwrap();
    assert_eq!(generated.plaintext().unwrap().as_ref().len(), 32);
    let decrypt = |context: Option<HashMap<String, String>>| {
        let sealed = Blob::new(generated.ciphertext_blob().unwrap().as_ref());
        client.decrypt().ciphertext_blob(sealed).set_encryption_context(context).send()
    };
    let opened = decrypt(Some(context(&[("purpose", "2"), ("tenant", "1")]))).await.unwrap();
    assert_eq!(opened.plaintext(), generated.plaintext());
    assert_eq!(opened.key_id(), Some(key.as_str()));
    for wrong in [
        None,
        Some(context(&[("tenant", "2"), ("purpose", "2")])),
        Some(context(&[("tenant", "1")])),
        Some(context(&[("purpose", "2,tenant=1")])),
    ] {
        let refused = decrypt(wrong.clone()).await.unwrap_err().into_service_error();
        assert!(refused.is_invalid_ciphertext_exception(), "{wrong:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_disabled_key_opens_nothing_and_an_alias_names_its_key() {
    let (emulators, config) = start().await;
    let client = aws_sdk_kms::Client::new(&config);
    let key = emulators.create_key("alias/tokens").await.unwrap();
    assert_eq!(emulators.create_key("alias/tokens").await.unwrap(), key, "found, not made again");
    let sealed = client.encrypt().key_id("alias/tokens").plaintext(Blob::new("x")).send().await.unwrap();
    client.disable_key().key_id(&key).send().await.unwrap();
    let refused = client.decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).send().await.unwrap_err();
    assert!(refused.into_service_error().is_disabled_exception());
}

#[tokio::test]
async fn a_secret_is_read_by_name_and_by_arn() {
    let (emulators, config) = start().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let arn = emulators.create_secret("facebook", "{\"client_id\":\"1\"}").await.unwrap();
    for id in ["facebook", arn.as_str()] {
        let value = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(value.secret_string(), Some("{\"client_id\":\"1\"}"));
        assert!(value.version_id().is_some());
    }
    assert_eq!(emulators.create_secret("facebook", "new").await.unwrap(), arn);
    let value = client.get_secret_value().secret_id(&arn).send().await.unwrap();
    assert_eq!(value.secret_string(), Some("new"));
    let missing = client.get_secret_value().secret_id("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}
