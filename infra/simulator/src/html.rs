//! The few HTML pages a person sees.

/// A whole page.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1c1e21}}\
         fieldset{{border:1px solid #ccd0d5;border-radius:8px;margin:1rem 0}}label{{display:block}}legend label{{font-weight:600}}\
         article{{border:1px solid #ccd0d5;border-radius:8px;padding:.5rem 1rem;margin:1rem 0}}\
         .note{{color:#606770}}p{{white-space:pre-wrap;overflow-wrap:anywhere}}img{{max-width:100%}}\
         button{{font:inherit;padding:.4rem 1.2rem}}</style></head><body>{body}</body></html>",
        escape(title)
    )
}

/// Text inside HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
