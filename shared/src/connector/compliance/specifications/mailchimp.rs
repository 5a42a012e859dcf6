//! Mailchimp's Marketing API.

use http::Method;

use super::{Folder, Specified, judge::Uncovered, swagger};

const HOST: &str = "{server}.api.mailchimp.com";

pub(super) fn marketing(folder: &Folder) -> Specified {
    let mut operations =
        swagger::operations(&folder.read("mailchimp/marketing-3.0.55.campaigns-reports-webhooks.trimmed.json"), HOST);
    // What is at hand of the newer document has no `/ping`.
    let older = swagger::operations(&folder.read("mailchimp/marketing-3.0-2020.trimmed.json"), HOST);
    operations.extend(older.into_iter().filter(|operation| operation.path == "/3.0/ping"));
    let uncovered = |method, host, path, reason| Uncovered { method, host, path, reason };
    let login = "login.mailchimp.com";
    Specified {
        operations,
        differences: Vec::new(),
        uncovered: vec![
            uncovered(Method::POST, login, "/oauth2/token", "the login is no part of the Marketing API"),
            uncovered(Method::GET, login, "/oauth2/metadata", "the login is no part of the Marketing API"),
            uncovered(
                Method::GET,
                HOST,
                "/3.0/lists/{list_id}",
                "one audience is not in what is at hand of the document",
            ),
        ],
    }
}
