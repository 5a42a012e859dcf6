//! What is out: its figures, and how it is taken down, with the rights that the template gives.

use http::Method;
use serde_json::Value;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{ADAS, Tenant};

const TEXT: &str = "to be taken down, in the system";

#[tokio::test]
async fn a_post_tells_its_figures_and_is_taken_down_by_its_tenant_and_nobody_else() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let post = tenant.publish(&connection, seed::BAKERY, TEXT).await;
    assert_eq!(tenant.settled(&post).await["state"], "published");

    let path = format!("/v1/posts/{post}/analytics");
    let figures = system
        .eventually("the figures are read", async || {
            let target = tenant.read(&path).await["targets"][0].clone();
            (target["state"] == "current").then_some(target)
        })
        .await;
    assert!(figures["figures"].as_object().is_some_and(|figures| !figures.is_empty()), "{figures}");
    let days = tenant.read(&format!("{path}?by=day")).await["targets"][0]["days"].clone();
    assert_eq!(days.as_array().map(Vec::len), Some(1));

    let path = format!("/v1/posts/{post}");
    let take_down = format!("{path}?unpublish=true");
    let other = Tenant::new(system).await;
    for path in [&take_down, &path] {
        assert_eq!(other.send(Method::DELETE, path, &[], "").await.problem(), (404, "post.unknown".to_owned()));
    }
    let plain = tenant.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(plain.problem(), (409, "post.not_cancellable".to_owned()));
    assert_eq!(system.on_page(seed::BAKERY, TEXT), 1);

    let asked = tenant.send(Method::DELETE, &take_down, &[], "").await;
    let removal = |view: &Value| view["targets"][0]["removal"]["state"].clone();
    assert_eq!((asked.status, removal(&asked.json())), (202, "requested".into()), "{}", asked.text());
    system
        .eventually("the post is taken down", async || (removal(&tenant.read(&path).await) == "removed").then_some(()))
        .await;
    assert_eq!(system.on_page(seed::BAKERY, TEXT), 0);
    let again = tenant.send(Method::DELETE, &take_down, &[], "").await;
    assert_eq!((again.status, removal(&again.json())), (200, "removed".into()));
    let history = tenant.history(&post).await;
    assert!(history.ends_with(&["removal_requested".to_owned(), "removed".to_owned()]), "{history:?}");
}
