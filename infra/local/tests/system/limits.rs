//! More requests than a minute takes, over HTTP and by the functions' own clocks.

use http::Method;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{Answer, Tenant, call, to_page};

fn number(answer: &Answer, header: &str) -> i64 {
    answer.header(header).parse().unwrap_or_else(|_| panic!("{header}: {:?}", answer.headers))
}

/// Sends requests until one is refused; how many passed before. Minutes end while tests run: three limits are more than the
/// requests of two minutes.
async fn until_refused(limit: usize, mut send: impl AsyncFnMut() -> Answer) -> (usize, Answer) {
    for passed in 0..3 * limit {
        let answer = send().await;
        if answer.status == 429 {
            return (passed, answer);
        }
        assert!(answer.status < 400, "{}", answer.text());
    }
    panic!("none of {} requests was refused", 3 * limit);
}

fn assert_refused(answer: &Answer, policy: &str, limit: i64) {
    assert_eq!(answer.problem(), (429, "rate.limited".to_owned()));
    assert_eq!(answer.json()["retryable"], true);
    let wait = number(answer, "retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit-policy"), format!("\"{policy}\";q={limit};w=60"));
    assert_eq!(answer.header("ratelimit"), format!("\"{policy}\";r=0;t={wait}"));
    assert_eq!((number(answer, "x-ratelimit-limit"), number(answer, "x-ratelimit-remaining")), (limit, 0));
    assert_eq!(number(answer, "x-ratelimit-reset") % 60, 0);
}

#[tokio::test]
async fn f11_a_burst_over_the_limit_is_refused_in_every_function_and_others_go_on() {
    let system = System::start(&[
        ("TenantRequestsPerMinute", "40"),
        ("PublicRequestsPerMinute", "10"),
        ("OauthRequestsPerMinute", "2"),
    ]);
    let (noisy, quiet) = (Tenant::new(&system).await, Tenant::new(&system).await);
    let connection = noisy.connect(seed::ADA, &[seed::BAKERY]).await;
    let post = to_page(&connection, seed::BAKERY, "Too often");
    // Counted by the functions that may not change anything else of the table, too.
    let (passed, refused) = until_refused(40, async || noisy.post("/v1/posts/validate", &post).await).await;
    assert!(passed <= 80, "{passed}");
    assert_refused(&refused, "tenant", 40);
    let fine = quiet.get("/v1/posts").await;
    assert_eq!((fine.status, number(&fine, "x-ratelimit-limit")), (200, 40));
    assert!(number(&fine, "x-ratelimit-remaining") >= 30);

    let url = quiet.url("/health");
    let (passed, refused) = until_refused(10, async || call(Method::GET, &url, &[], "").await).await;
    assert!(passed <= 20, "{passed}");
    assert_refused(&refused, "public", 10);
    assert_eq!(quiet.get("/v1/posts").await.status, 200, "a key has its tenant's limit");
    for function in ["publish", "api", "oauth"] {
        let function = system.lines(function);
        assert!(!function.iter().any(|line| line.contains("limits_open")), "{function:#?}");
    }
}

#[tokio::test]
async fn f11_without_its_table_the_api_answers_all_the_same_and_a_metric_tells() {
    let system = System::start(&[("PublicRequestsPerMinute", "1")]);
    let tenant = Tenant::new(&system).await;
    let table = system.resource("StateTable");
    system.aws().dynamodb().delete_table().table_name(table).send().await.unwrap();
    for _ in 0..5 {
        let answer = call(Method::GET, &tenant.url("/health"), &[], "").await;
        assert_eq!(answer.status, 503, "it tells what does not answer");
        assert_eq!((answer.header("ratelimit-policy"), answer.header("ratelimit")), ("\"public\";q=1;w=60", ""));
    }
    let told = async || {
        let metrics = system.lines("api").iter().filter(|line| line.contains("limits_open=1")).count();
        (metrics == 5).then_some(())
    };
    system.eventually("five requests that were not counted", told).await;
    assert!(system.lines("api").iter().any(|line| line.contains("requests go on uncounted")));
}
