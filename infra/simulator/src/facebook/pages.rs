//! What a person sees: a Page and its posts as HTML, at the addresses that permalinks name.

use super::view::{PageView, PostView};
use super::world::World;
use crate::html::{self, escape};
use crate::reply::Reply;
use std::fmt::Write as _;

impl World {
    /// `/{page}`, `/{page}/posts/{post}` or the list of Pages at `/`.
    pub(crate) fn show(&self, segments: &[&str]) -> Option<Reply> {
        match segments {
            [] => Some(Reply::html(200, self.front())),
            [page] => {
                let page = PageView::of(self, self.pages.get(*page)?);
                let posts: String = page.posts.iter().filter(|post| post.state == "published").map(article).collect();
                let body = format!("<h1>{}</h1>{posts}", escape(&page.name));
                Some(Reply::html(200, html::page(&page.name, &body)))
            }
            [page, "posts", number] => {
                let page = PageView::of(self, self.pages.get(*page)?);
                let id = format!("{}_{number}", page.id);
                let post = page.posts.iter().find(|post| post.id == id && post.state == "published")?;
                let body = format!("<h1><a href=\"{}\">{}</a></h1>{}", page.url, escape(&page.name), article(post));
                Some(Reply::html(200, html::page(&page.name, &body)))
            }
            [page, "videos", id] => self.show_video(page, id),
            ["reel", id] => self.show_video(&self.videos.get(*id)?.page, id),
            [..] => None,
        }
    }

    fn show_video(&self, page: &str, id: &str) -> Option<Reply> {
        let page = PageView::of(self, self.pages.get(page)?);
        let post = page.posts.iter().find(|post| post.video.as_deref() == Some(id) && post.state == "published")?;
        let title = self.videos.get(id).and_then(|video| video.title.as_deref()).unwrap_or(&page.name);
        let body = format!("<h1><a href=\"{}\">{}</a></h1>{}", page.url, escape(title), article(post));
        Some(Reply::html(200, html::page(title, &body)))
    }

    fn front(&self) -> String {
        let mut body = String::from("<h1>Simulated Facebook</h1><ul>");
        for page in self.pages.values() {
            let _ = write!(body, "<li><a href=\"/{}\">{}</a></li>", page.id, escape(&page.name));
        }
        body.push_str("</ul><p class=\"note\">State: <a href=\"/_simulator/state\">/_simulator/state</a></p>");
        html::page("Simulated Facebook", &body)
    }
}

fn article(post: &PostView) -> String {
    let mut article = String::from("<article>");
    if let Some(message) = &post.message {
        let _ = write!(article, "<p>{}</p>", escape(message));
    }
    if let Some(link) = &post.link {
        let _ = write!(article, "<p><a href=\"{0}\" rel=\"nofollow\">{0}</a></p>", escape(link));
    }
    for photo in &post.photos {
        if photo.starts_with("http") {
            let _ = write!(article, "<img src=\"{}\" alt=\"\">", escape(photo));
        }
    }
    if let Some(video) = &post.video {
        let _ = write!(article, "<p>▶ <a href=\"{}\">video {}</a></p>", post.permalink_url, escape(video));
    }
    let by = post.application.unwrap_or("a person");
    let _ = write!(
        article,
        "<p class=\"note\"><a href=\"{}\">{}</a> · by {}</p></article>",
        post.permalink_url,
        post.created_time,
        escape(by)
    );
    article
}

/// A round picture with nothing on it.
pub(crate) fn picture() -> Reply {
    Reply::svg(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"50\" height=\"50\"><circle cx=\"25\" cy=\"25\" r=\"25\" fill=\"#b0b3b8\"/></svg>"
            .to_owned(),
    )
}

/// A small photo, so that photo posts can be tried without a network.
pub(crate) fn sample_photo() -> Reply {
    Reply::png(include_bytes!("sample.png"))
}
