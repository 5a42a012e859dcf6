//! The story itself: what is done, in order, and what must be true after each step.

use std::time::Instant;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::clock::{Clock as _, SystemClock};
use simulator::facebook::seed;

use super::browser::{self, Client};
use super::report::Report;
use super::steps::{Failure, Steps, field, same, text};

pub(crate) struct Story<'a> {
    steps: Steps<'a>,
    report: &'a mut Report,
    connection: String,
    /// What must stand on the Page in the end, once each.
    expected: Vec<String>,
    /// What must not.
    unwanted: Vec<String>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(client: &'a Client, report: &'a mut Report) -> Self {
        Self {
            steps: Steps::new(client),
            report,
            connection: String::new(),
            expected: Vec::new(),
            unwanted: Vec::new(),
        }
    }

    /// Tells it; what the Page shows at the end.
    pub(crate) async fn tell(mut self) -> Result<Vec<Value>, Failure> {
        self.connect().await?;
        self.publish_now().await?;
        self.publish_later().await?;
        self.replay().await?;
        self.lose_an_answer().await?;
        self.refused().await?;
        self.webhook().await?;
        self.page().await
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let pages = [("user", seed::ADA), ("pages", seed::BAKERY), ("pages", seed::CAFE)];
        self.connection = self.steps.client.login("facebook", &pages, None).await?;
        let view = self.steps.client.read(&format!("/v1/connections/{}", self.connection)).await?;
        same("the connection's state", field(&view, "/state"), "active")?;
        let mut lines = vec![
            format!("connection {} as {}", self.connection, text(&view, "account_name")?),
            "the browser ended at https://app.example.com/connected".to_owned(),
        ];
        for place in field(&view, "/destinations").as_array().into_iter().flatten() {
            let usable = if field(place, "/usable") == true { "may publish" } else { "may not publish" };
            lines.push(format!("{}  {}: {usable}", text(place, "id")?, text(place, "name")?));
        }
        self.report.step("A person connects a Facebook Page through the login page", began.elapsed(), &lines)?;
        Ok(())
    }

    async fn publish_now(&mut self) -> Result<(), Failure> {
        let photo = "https://bakery.example.com/oven.jpg";
        let posts = [
            ("a text", json!({ "text": "Fresh bread from six in the morning." })),
            ("a link", json!({ "text": "This week's menu", "link": "https://bakery.example.com/menu" })),
            ("a photo", json!({ "text": "Straight from the oven", "media": [{ "url": photo, "kind": "image" }] })),
        ];
        for (what, content) in posts {
            let began = Instant::now();
            let message = text(&content, "text")?.to_owned();
            let id = self.steps.create(&json!({ "content": content, "targets": [self.target()] }), None).await?;
            let post = self.steps.settled(&id).await?;
            same("the post's state", field(&post, "/state"), "published")?;
            let mut lines = vec![format!("{id} -> {}", text(field(&post, "/targets/0"), "remote_id")?)];
            lines.extend(self.steps.timeline(&id).await?);
            self.expected.push(message);
            self.report.step(&format!("{} goes out at once", capital(what)), began.elapsed(), &lines)?;
        }
        Ok(())
    }

    async fn publish_later(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let at = SystemClock.now().saturating_add(SignedDuration::from_secs(3))?;
        let message = "Afternoon rolls, on the dot.";
        let body = json!({
            "content": { "text": message },
            "targets": [self.target()],
            "schedule": { "at": at.to_string() },
        });
        let id = self.steps.create(&body, None).await?;
        let post = self.steps.settled(&id).await?;
        same("the post's state", field(&post, "/state"), "published")?;
        let out: Timestamp = text(field(&post, "/targets/0"), "updated_at")?.parse()?;
        if out < at {
            return Err(format!("it went out at {out}, before its time {at}").into());
        }
        let late = out.duration_since(at);
        let mut lines = vec![format!("asked for {at}, out {:.2} s after that", late.as_secs_f64())];
        lines.extend(self.steps.timeline(&id).await?);
        self.expected.push(message.to_owned());
        self.report.step("A post that is scheduled three seconds ahead goes out then", began.elapsed(), &lines)?;
        Ok(())
    }

    async fn replay(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let message = "Said once, asked for three times.";
        let body = json!({ "content": { "text": message }, "targets": [self.target()] });
        let key = ("idempotency-key", "order-4711");
        let mut answers = Vec::new();
        for _ in 0..3 {
            let answer = self.steps.client.api(Method::POST, "/v1/posts", (Some(body.clone()), &[key]), 202).await?;
            answers.push(answer.body);
        }
        if answers.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err("the answers to one Idempotency-Key differ".into());
        }
        let first: Value = serde_json::from_slice(answers.first().ok_or("no answer")?)?;
        let id = text(&first, "id")?.to_owned();
        self.steps.settled(&id).await?;
        let other = json!({ "content": { "text": "something else" }, "targets": [self.target()] });
        let refused = self.steps.client.api(Method::POST, "/v1/posts", (Some(other), &[key]), 422).await?;
        let refused = browser::json(&refused)?;
        same("the refusal", field(&refused, "/code"), "idempotency.mismatch")?;
        let shown = self.on_page(message).await?;
        if shown != 1 {
            return Err(format!("the Page shows it {shown} times").into());
        }
        let lines = vec![
            "three requests with one Idempotency-Key, three answers alike to the byte".to_owned(),
            format!("{id}: the Page shows it {shown} time"),
            format!("another body under the same key: {} {}", field(&refused, "/status"), text(&refused, "code")?),
        ];
        self.expected.push(message.to_owned());
        self.report.step("The same request again makes no second post", began.elapsed(), &lines)?;
        Ok(())
    }

    async fn lose_an_answer(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let message = "Did it go out? It did.";
        let fault =
            json!({ "kind": "lost_answer", "page": seed::BAKERY, "edge": "feed", "method": "POST", "count": 1 });
        self.steps.client.control(Method::POST, "faults", Some(fault)).await?;
        let id =
            self.steps.create(&json!({ "content": { "text": message }, "targets": [self.target()] }), None).await?;
        let post = self.steps.settled(&id).await?;
        same("the post's state", field(&post, "/state"), "published")?;
        let shown = self.on_page(message).await?;
        if shown != 1 {
            return Err(format!("the Page shows it {shown} times").into());
        }
        self.expected.push(message.to_owned());
        let title = "The platform takes a post and its answer is lost: postd asks instead of posting twice";
        let lines = self.steps.timeline(&id).await?;
        self.report.step(title, began.elapsed(), &lines)?;
        Ok(())
    }

    async fn refused(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let message = "Facebook does not take links to itself.";
        let content = json!({ "text": message, "link": "https://www.facebook.com/example/posts/1" });
        let id = self.steps.create(&json!({ "content": content, "targets": [self.target()] }), None).await?;
        let post = self.steps.settled(&id).await?;
        same("the post's state", field(&post, "/state"), "failed")?;
        let dead = self.steps.client.read("/v1/dead-letters").await?;
        let letter = field(&dead, "/dead_letters")
            .as_array()
            .into_iter()
            .flatten()
            .find(|letter| field(letter, "/post") == id.as_str())
            .ok_or("the dead letter is not listed")?;
        let reason = field(letter, "/reason");
        let lines = vec![
            format!("{id} is {}", text(&post, "state")?),
            format!("dead letter: {} (platform code {})", text(reason, "code")?, text(reason, "platform_code")?),
            format!("{} ({} can act)", text(reason, "message")?, text(reason, "act")?),
        ];
        self.unwanted.push(message.to_owned());
        self.report.step(
            "A post that the platform refuses is a dead letter with its reason",
            began.elapsed(),
            &lines,
        )?;
        Ok(())
    }

    async fn webhook(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let post = format!("{}_4711", seed::BAKERY);
        let event = json!({
            "id": seed::BAKERY,
            "field": "feed",
            "value": {
                "item": "status", "verb": "add", "post_id": post, "published": 1,
                "created_time": SystemClock.now().as_second(), "message": "Grüße aus Zürich",
            },
        });
        self.steps.client.control(Method::POST, "webhooks/send", Some(event)).await?;
        let path = format!("/v1/connections/{}", self.connection);
        let recorded = async || {
            let event = field(&self.steps.client.read(&path).await?, "/last_event").clone();
            let is_it = field(&event, "/remote_id") == post.as_str();
            Ok(if is_it { Ok(event) } else { Err("the webhook has not been recorded".to_owned()) })
        };
        let event = self.steps.eventually(recorded).await?;
        let lines =
            vec![format!("{} {} recorded at the connection", text(&event, "kind")?, text(&event, "remote_id")?)];
        self.report.step("Facebook tells by a signed webhook what happens on the Page", began.elapsed(), &lines)?;
        Ok(())
    }

    /// The proof from outside: everything once, nothing else of ours.
    async fn page(&self) -> Result<Vec<Value>, Failure> {
        let mut ours = self.posts_on_page().await?;
        ours.retain(|post| !field(post, "/application").is_null());
        for message in &self.expected {
            let count = ours.iter().filter(|post| field(post, "/message") == message.as_str()).count();
            if count != 1 {
                return Err(format!("the Page shows {count} times: {message}").into());
            }
        }
        if ours.len() != self.expected.len() {
            return Err(
                format!("the Page shows {} posts of ours instead of {}", ours.len(), self.expected.len()).into()
            );
        }
        if let Some(message) =
            self.unwanted.iter().find(|message| ours.iter().any(|post| field(post, "/message") == message.as_str()))
        {
            return Err(format!("the Page shows what was refused: {message}").into());
        }
        Ok(ours)
    }

    async fn posts_on_page(&self) -> Result<Vec<Value>, Failure> {
        let state = self.steps.client.control(Method::GET, "state", None).await?;
        let page =
            field(&state, "/pages").as_array().into_iter().flatten().find(|page| field(page, "/id") == seed::BAKERY);
        Ok(page.and_then(|page| field(page, "/posts").as_array()).cloned().unwrap_or_default())
    }

    async fn on_page(&self, message: &str) -> Result<usize, Failure> {
        Ok(self.posts_on_page().await?.iter().filter(|post| field(post, "/message") == message).count())
    }

    fn target(&self) -> Value {
        json!({ "connection": self.connection, "destination": seed::BAKERY })
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}
