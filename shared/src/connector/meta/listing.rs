//! Listings of what a token may publish to, page by page.

use http::Method;
use url::Url;

use crate::connector::{Answer, ConnectorError, Destination, Flow, Request, Step};

/// A listing under way, whoever signs its calls.
pub(in crate::connector) trait Listing: Send {
    /// Where its first page is.
    fn first_page(&self) -> Url;

    /// Takes in one answer and says where the next page is.
    ///
    /// # Errors
    /// The platform refused, its answer cannot be read, or the listing has no end.
    fn take(&mut self, answer: &Answer) -> Result<Option<Url>, ConnectorError>;

    /// Everything that was found.
    fn finish(&mut self) -> Vec<Destination>;
}

/// Lists with calls that the driver signs.
pub(in crate::connector) struct AccountsFlow<L>(pub(in crate::connector) L);

impl<L: Listing> Flow<Vec<Destination>> for AccountsFlow<L> {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Vec<Destination>>, ConnectorError> {
        let next = match answer {
            None => Some(self.0.first_page()),
            Some(answer) => self.0.take(answer)?,
        };
        Ok(match next {
            Some(url) => Step::Call(Request::new(Method::GET, url)),
            None => Step::Done(self.0.finish()),
        })
    }
}
