use std::net::IpAddr;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const METADATA: &str = "169.254.169.254";

/// Hosts in every way to write them, and why each is refused.
const FORBIDDEN: [(&str, Refused); 118] = [
    // Version 4, plain.
    ("0.0.0.0", Refused::Network(Network::ThisNetwork)),
    ("0.1.2.3", Refused::Network(Network::ThisNetwork)),
    ("10.0.0.1", Refused::Network(Network::Private)),
    ("10.255.255.255", Refused::Network(Network::Private)),
    ("172.16.0.1", Refused::Network(Network::Private)),
    ("172.31.255.255", Refused::Network(Network::Private)),
    ("192.168.0.1", Refused::Network(Network::Private)),
    ("192.168.255.255", Refused::Network(Network::Private)),
    ("100.64.0.1", Refused::Network(Network::Shared)),
    ("100.100.100.200", Refused::Network(Network::Shared)),
    ("100.127.255.255", Refused::Network(Network::Shared)),
    ("127.0.0.1", Refused::Network(Network::Loopback)),
    ("127.255.255.254", Refused::Network(Network::Loopback)),
    (METADATA, Refused::Network(Network::LinkLocal)),
    ("169.254.170.2", Refused::Network(Network::LinkLocal)),
    ("169.254.100.1", Refused::Network(Network::LinkLocal)),
    ("192.0.0.1", Refused::Network(Network::Protocol)),
    ("192.0.2.1", Refused::Network(Network::Documentation)),
    ("198.51.100.1", Refused::Network(Network::Documentation)),
    ("203.0.113.1", Refused::Network(Network::Documentation)),
    ("192.88.99.1", Refused::Network(Network::Tunnel)),
    ("198.18.0.1", Refused::Network(Network::Benchmarking)),
    ("198.19.255.255", Refused::Network(Network::Benchmarking)),
    ("224.0.0.1", Refused::Network(Network::Multicast)),
    ("239.255.255.255", Refused::Network(Network::Multicast)),
    ("240.0.0.1", Refused::Network(Network::Reserved)),
    ("255.255.255.254", Refused::Network(Network::Reserved)),
    ("255.255.255.255", Refused::Network(Network::Broadcast)),
    // Shortened, decimal, hexadecimal, octal, and mixtures.
    ("0", Refused::Network(Network::ThisNetwork)),
    ("127.1", Refused::Network(Network::Loopback)),
    ("127.0.1", Refused::Network(Network::Loopback)),
    ("2130706433", Refused::Network(Network::Loopback)),
    ("0x7f000001", Refused::Network(Network::Loopback)),
    ("0X7F000001", Refused::Network(Network::Loopback)),
    ("0x7f.1", Refused::Network(Network::Loopback)),
    ("0x7f.0.0.0x1", Refused::Network(Network::Loopback)),
    ("0177.0.0.1", Refused::Network(Network::Loopback)),
    ("0177.0x0.0.01", Refused::Network(Network::Loopback)),
    ("017700000001", Refused::Network(Network::Loopback)),
    ("00000177.0.0.1", Refused::Network(Network::Loopback)),
    ("2852039166", Refused::Network(Network::LinkLocal)),
    ("0xa9fea9fe", Refused::Network(Network::LinkLocal)),
    ("0xa9.0xfe.0xa9.0xfe", Refused::Network(Network::LinkLocal)),
    ("0251.0376.0251.0376", Refused::Network(Network::LinkLocal)),
    ("025177524776", Refused::Network(Network::LinkLocal)),
    ("169.254.43518", Refused::Network(Network::LinkLocal)),
    ("169.16689662", Refused::Network(Network::LinkLocal)),
    ("012.0.0.1", Refused::Network(Network::Private)),
    ("3232235521", Refused::Network(Network::Private)),
    ("0xc0a80001", Refused::Network(Network::Private)),
    // A dot at the end, percent-encoding, full-width digits, ideographic dots, circled digits, soft hyphens.
    ("127.0.0.1.", Refused::Network(Network::Loopback)),
    ("2130706433.", Refused::Network(Network::Loopback)),
    ("0x7f000001.", Refused::Network(Network::Loopback)),
    ("169.254.169.254.", Refused::Network(Network::LinkLocal)),
    ("%31%32%37.0.0.1", Refused::Network(Network::Loopback)),
    ("127%2e0%2e0%2e1", Refused::Network(Network::Loopback)),
    ("１２７.0.0.1", Refused::Network(Network::Loopback)),
    ("127。0。0。1", Refused::Network(Network::Loopback)),
    ("127．0．0．1", Refused::Network(Network::Loopback)),
    ("127｡0｡0｡1", Refused::Network(Network::Loopback)),
    ("①②⑦.⓪.⓪.①", Refused::Network(Network::Loopback)),
    ("１６９。２５４。１６９。２５４", Refused::Network(Network::LinkLocal)),
    ("169.254.169\u{ad}.254", Refused::Network(Network::LinkLocal)),
    ("0x７f.1", Refused::Network(Network::Loopback)),
    // Version 6, plain and with version 4 inside.
    ("[::]", Refused::Network(Network::ThisNetwork)),
    ("[::1]", Refused::Network(Network::Loopback)),
    ("[0:0:0:0:0:0:0:1]", Refused::Network(Network::Loopback)),
    ("[0000:0000:0000:0000:0000:0000:0000:0001]", Refused::Network(Network::Loopback)),
    ("[::ffff:127.0.0.1]", Refused::Network(Network::Mapped)),
    ("[::FFFF:7F00:1]", Refused::Network(Network::Mapped)),
    ("[::ffff:169.254.169.254]", Refused::Network(Network::Mapped)),
    ("[::ffff:a9fe:a9fe]", Refused::Network(Network::Mapped)),
    ("[0:0:0:0:0:ffff:10.0.0.1]", Refused::Network(Network::Mapped)),
    ("[::ffff:0:127.0.0.1]", Refused::Network(Network::Mapped)),
    ("[::127.0.0.1]", Refused::Network(Network::Mapped)),
    ("[::a9fe:a9fe]", Refused::Network(Network::Mapped)),
    ("[64:ff9b::127.0.0.1]", Refused::Network(Network::Translated)),
    ("[64:ff9b::a9fe:a9fe]", Refused::Network(Network::Translated)),
    ("[64:ff9b::10.0.0.1]", Refused::Network(Network::Translated)),
    ("[64:ff9b:1::a00:1]", Refused::Network(Network::Translated)),
    ("[64:ff9b:1:a9fe:a9:fe00::]", Refused::Network(Network::Translated)),
    ("[2002:7f00:1::]", Refused::Network(Network::Tunnel)),
    ("[2002:a9fe:a9fe::1]", Refused::Network(Network::Tunnel)),
    ("[2001::f5ff:fffe]", Refused::Network(Network::Tunnel)),
    ("[2001:0:53aa:64c:0:0:5601:5601]", Refused::Network(Network::Tunnel)),
    ("[2001:2::1]", Refused::Network(Network::Benchmarking)),
    ("[2001:10::1]", Refused::Network(Network::Protocol)),
    ("[2001:db8::1]", Refused::Network(Network::Documentation)),
    ("[3fff::1]", Refused::Network(Network::Documentation)),
    ("[100::1]", Refused::Network(Network::Reserved)),
    ("[5f00::1]", Refused::Network(Network::Reserved)),
    ("[fc00::1]", Refused::Network(Network::UniqueLocal)),
    ("[fd00:ec2::254]", Refused::Network(Network::UniqueLocal)),
    ("[FD00:EC2::23]", Refused::Network(Network::UniqueLocal)),
    ("[fe80::1]", Refused::Network(Network::LinkLocal)),
    ("[fe80::a9fe:a9fe]", Refused::Network(Network::LinkLocal)),
    ("[fec0::1]", Refused::Network(Network::SiteLocal)),
    ("[ff02::1]", Refused::Network(Network::Multicast)),
    // Names.
    ("localhost", Refused::Name),
    ("LOCALHOST", Refused::Name),
    ("localhost.", Refused::Name),
    ("a.localhost", Refused::Name),
    ("localhost.localdomain", Refused::Name),
    ("ip6-localhost", Refused::Name),
    ("ｌｏｃａｌｈｏｓｔ", Refused::Name),
    ("%6c%6f%63%61%6c%68%6f%73%74", Refused::Name),
    ("metadata", Refused::Name),
    ("instance-data", Refused::Name),
    ("metadata.google.internal", Refused::Name),
    ("Metadata.Google.Internal.", Refused::Name),
    ("instance-data.ec2.internal", Refused::Name),
    ("kubernetes.default.svc", Refused::Name),
    ("kubernetes.default.svc.cluster.local", Refused::Name),
    ("router.home.arpa", Refused::Name),
    ("printer.local", Refused::Name),
    ("intranet", Refused::Name),
    ("wiki.corp", Refused::Name),
    ("metadata.tencentyun.com", Refused::Name),
];

#[test]
fn f45_every_way_to_write_an_address_that_is_not_public_is_refused_for_its_reason() {
    assert!(FORBIDDEN.len() >= 60);
    for (host, expected) in FORBIDDEN {
        // What the parser does not take, no request can carry: then it would not belong into this table.
        let url = Url::parse(&format!("https://{host}/latest/meta-data/")).unwrap_or_else(|_| panic!("{host}"));
        for purpose in [Purpose::Fetch, Purpose::Link] {
            assert_eq!(Reach::default().check(&url, purpose), Err(expected), "{host} is {url}");
        }
    }
}

/// Addresses that look like somewhere else than where they lead.
#[rstest]
#[case::a_user_name("https://example.com@169.254.169.254/", Refused::Credentials)]
#[case::a_user_name_and_a_password("https://example.com:443@10.0.0.1/", Refused::Credentials)]
#[case::a_user_name_before_a_good_host("https://user@example.com/", Refused::Credentials)]
#[case::an_empty_name_and_a_password("https://:secret@example.com/", Refused::Credentials)]
#[case::an_encoded_at("https://a%40b@127.0.0.1/", Refused::Credentials)]
#[case::a_backslash(r"https://127.0.0.1\@example.com/", Refused::Network(Network::Loopback))]
#[case::backslashes_for_slashes(r"https:\\127.0.0.1\", Refused::Network(Network::Loopback))]
#[case::a_backslash_before_an_at(r"https:/\169.254.169.254/\example.com", Refused::Network(Network::LinkLocal))]
#[case::one_slash("https:/127.0.0.1/", Refused::Network(Network::Loopback))]
#[case::no_slash("https:127.0.0.1", Refused::Network(Network::Loopback))]
#[case::many_slashes("https://///127.0.0.1/", Refused::Network(Network::Loopback))]
#[case::a_fragment_before_an_at("https://127.0.0.1#@example.com/", Refused::Network(Network::Loopback))]
#[case::a_query_before_an_at("https://127.0.0.1?@example.com/", Refused::Network(Network::Loopback))]
#[case::white_space("  https://127.0.0.1/ ", Refused::Network(Network::Loopback))]
#[case::a_tab_in_the_middle("https://127.0.\t0.1/", Refused::Network(Network::Loopback))]
#[case::a_line_break_in_the_middle("https://169.254.\r\n169.254/", Refused::Network(Network::LinkLocal))]
#[case::another_case("HTTPS://LocalHost/", Refused::Name)]
#[case::the_runtime("https://127.0.0.1:9001/2018-06-01/runtime", Refused::Network(Network::Loopback))]
#[case::ssh("https://example.com:22/", Refused::Port)]
#[case::mail("https://example.com:25/", Refused::Port)]
#[case::redis("https://example.com:6379/", Refused::Port)]
#[case::port_nought("https://example.com:0/", Refused::Port)]
#[case::ftp("ftp://example.com/", Refused::Scheme)]
#[case::a_file("file:///etc/passwd", Refused::Scheme)]
#[case::gopher("gopher://example.com/_X", Refused::Scheme)]
#[case::data("data:image/png;base64,AAAA", Refused::Scheme)]
#[case::a_script("javascript:alert(1)", Refused::Scheme)]
#[case::a_socket("ws://example.com/", Refused::Scheme)]
#[case::a_blob("blob:https://example.com/1", Refused::Scheme)]
fn f45_an_address_is_judged_by_where_it_leads(#[case] address: &str, #[case] expected: Refused) {
    let url = Url::parse(address).unwrap();
    for purpose in [Purpose::Fetch, Purpose::Link] {
        assert_eq!(Reach::default().check(&url, purpose), Err(expected), "{url}");
    }
}

#[rstest]
#[case::plain("https://example.com/a.jpg")]
#[case::the_port_that_it_has_anyway("https://example.com:443/a.jpg")]
#[case::the_other_port("https://example.com:8443/")]
#[case::a_dot_at_the_end("https://example.com./")]
#[case::upper_case("HTTPS://EXAMPLE.COM/A.JPG")]
#[case::umlauts("https://bücher.example/ü.jpg")]
#[case::punycode("https://xn--bcher-kva.example/")]
#[case::full_width_letters("https://ｅｘａｍｐｌｅ.com/")]
#[case::an_underscore("https://my_bucket.s3.amazonaws.com/a.jpg")]
#[case::a_long_name("https://a.b.c.d.e.f.example.co.uk/")]
#[case::a_query_with_an_address("https://example.com/?url=http://127.0.0.1/")]
#[case::an_at_in_the_path("https://example.com/@someone")]
#[case::a_signature("https://cdn.example.com/a.mp4?X-Amz-Signature=00&Expires=1")]
#[case::a_fragment("https://example.com/#part")]
#[case::a_name_like_an_inner_one("https://localhost.example.com/")]
#[case::a_name_that_ends_like_an_inner_one("https://mylocal.com/")]
#[case::an_inner_word_as_a_label("https://internal.example.com/")]
#[case::digits_in_a_name("https://10.0.0.1.example.com/")]
fn what_leads_to_the_public_internet_passes(#[case] address: &str) {
    let url = Url::parse(address).unwrap();
    assert_eq!(Reach::default().check(&url, Purpose::Fetch), Ok(()), "{url}");
    assert_eq!(Reach::default().check(&url, Purpose::Link), Ok(()), "{url}");
}

#[rstest]
#[case::plain_http("http://example.com/", Refused::Scheme)]
#[case::http_on_another_port("http://example.com:8080/", Refused::Scheme)]
#[case::version_4("https://93.184.215.14/", Refused::Digits)]
#[case::version_6("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", Refused::Digits)]
#[case::behind_a_translator("https://[64:ff9b::93.184.215.14]/", Refused::Digits)]
fn a_link_may_be_what_nobody_fetches(#[case] address: &str, #[case] fetched: Refused) {
    let url = Url::parse(address).unwrap();
    assert_eq!(Reach::default().check(&url, Purpose::Link), Ok(()));
    assert_eq!(Reach::default().check(&url, Purpose::Fetch), Err(fetched));
}

#[test]
fn an_address_may_be_long_and_no_longer() {
    let long = |length: usize| Url::parse(&format!("https://example.com/{}", "a".repeat(length - 20))).unwrap();
    assert_eq!(Reach::default().check(&long(LONGEST_URL), Purpose::Fetch), Ok(()));
    assert_eq!(Reach::default().check(&long(LONGEST_URL + 1), Purpose::Fetch), Err(Refused::TooLong));
}

#[test]
fn f45_a_host_of_the_local_cloud_is_this_machine_at_its_port_and_nothing_else() {
    let reach = Reach::with_local_hosts("127.0.0.1:8081, media.postd:9000".parse().unwrap());
    let check = |address: &str| reach.check(&Url::parse(address).unwrap(), Purpose::Fetch);
    assert_eq!(check("http://127.0.0.1:8081/a.jpg"), Ok(()));
    assert_eq!(check("https://media.postd:9000/"), Ok(()));
    assert_eq!(check("http://127.0.0.1:8082/"), Err(Refused::Network(Network::Loopback)));
    assert_eq!(check("http://127.0.0.2:8081/"), Err(Refused::Network(Network::Loopback)));
    assert_eq!(check("http://u@127.0.0.1:8081/"), Err(Refused::Credentials));
    assert_eq!(check("ftp://127.0.0.1:8081/"), Err(Refused::Scheme));
    let resolved = |host: &str, address: &str| reach.check_resolved(host, address.parse().unwrap());
    assert_eq!(resolved("media.postd", "127.0.0.1"), Ok(()));
    assert_eq!(resolved("media.postd", METADATA), Err(Refused::Network(Network::LinkLocal)));
    assert_eq!(resolved("example.com", "127.0.0.1"), Err(Refused::Network(Network::Loopback)));
    assert_eq!(resolved("example.com", "::ffff:127.0.0.1"), Err(Refused::Network(Network::Mapped)));
    assert_eq!(resolved("example.com", "93.184.215.14"), Ok(()));
    assert_eq!(resolved("example.com", "64:ff9b::5db8:d70e"), Ok(()));
}

#[test]
fn a_refusal_shows_nothing_of_the_address() {
    for (host, refused) in FORBIDDEN {
        assert!(!refused.to_string().contains(host.trim_matches(['[', ']'])) || host == "0", "{refused}");
    }
}

/// What the standard library knows of its own.
fn is_plainly_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some()
        }
    }
}

proptest! {
    #[test]
    fn f45_no_address_of_version_4_passes_in_one_way_of_writing_and_not_in_another(bits in any::<u32>()) {
        let plain = std::net::Ipv4Addr::from_bits(bits);
        let expected = special(plain.into());
        prop_assert!(expected.is_some() || !is_plainly_inside(plain.into()));
        let [a, b, c, d] = plain.octets();
        for written in [
            format!("{plain}"), format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"),
            format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"), format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("{a}.{b}.{}", (u32::from(c) << 8) | u32::from(d)), format!("{a}.{}", bits & 0x00ff_ffff),
            format!("{plain}."),
        ] {
            let url = Url::parse(&format!("https://{written}/")).unwrap();
            let expected = expected.map_or(Refused::Digits, Refused::Network);
            prop_assert_eq!(Reach::default().check(&url, Purpose::Fetch), Err(expected), "{}", written);
        }
        let translated = std::net::Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
        prop_assert_eq!(special(translated.into()).is_some(), expected.is_some());
    }

    #[test]
    fn f45_what_the_standard_library_calls_local_is_not_public(bits in any::<u128>(), high in 0_u128..0x1_0000) {
        let address: IpAddr = std::net::Ipv6Addr::from_bits((bits >> 16) | (high << 112)).into();
        prop_assert!(special(address).is_some() || !is_plainly_inside(address), "{}", address);
    }

    #[test]
    fn f45_no_text_upsets_the_check(text in "\\PC{0,60}") {
        if let Ok(url) = Url::parse(&format!("https://{text}")) {
            let first = Reach::default().check(&url, Purpose::Fetch);
            // What is handed on is the canonical form: read again, it says the same.
            let again = Url::parse(url.as_str()).unwrap();
            prop_assert_eq!(first, Reach::default().check(&again, Purpose::Fetch));
        }
    }
}
