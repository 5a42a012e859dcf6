//! Tokens are renewed by postd where the platform lets it, and by a login where it does not.

use std::time::Instant;

use super::account::Account;
use crate::demo::steps::{Failure, field, same};

impl Account<'_> {
    /// The scheduled function renews the token; `path` is where the platform gives out new ones.
    pub(super) async fn renew(&mut self, path: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let before = self.tokens_given(path).await?;
        self.run_renewal().await?;
        let given = self.tokens_given(path).await?.saturating_sub(before);
        if given != 1 {
            return Err(format!("the platform gave out {given} tokens instead of 1").into());
        }
        same("the connection's state", field(&self.view().await?, "/state"), "active")?;
        self.is_changed = true;
        let lines = vec![
            "its time is brought forward, and the function that renews tokens runs".to_owned(),
            format!("the platform gave out one new token at {path}; the connection stays active"),
        ];
        self.chapter.told.step("postd renews the token before it ends, without a person", began, lines);
        Ok(())
    }

    /// Nobody but the person renews this grant: they log in again, and the connection stays the same.
    pub(super) async fn log_in_again(&mut self, why: &str, chosen: &[(&str, &str)]) -> Result<(), Failure> {
        let began = Instant::now();
        let again = self.chapter.steps.client.login(self.platform, chosen, Some(&self.connection)).await?;
        if again != self.connection {
            return Err(format!("the login made {again} instead of renewing {}", self.connection).into());
        }
        same("the connection's state", field(&self.view().await?, "/state"), "active")?;
        self.is_changed = true;
        let lines = vec![why.to_owned(), format!("{again} keeps its id and is active")];
        self.chapter.told.step("A person logs in again, and the same connection gets new tokens", began, lines);
        Ok(())
    }

    /// Tokens of this platform have no end: the function that renews tokens leaves them alone.
    pub(super) async fn never_renewed(&self, path: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let before = self.tokens_given(path).await?;
        self.run_renewal().await?;
        let view = self.view().await?;
        if self.tokens_given(path).await? != before || !field(&view, "/ends_at").is_null() {
            return Err("a token without an end was renewed, or has an end".into());
        }
        same("the connection's state", field(&view, "/state"), "active")?;
        let lines = vec![
            "its tokens have no end, and the platform has no way to renew them: the connection tells of no end"
                .to_owned(),
            "the function that renews tokens ran, looked whether the grant is alive, and asked for no token".to_owned(),
        ];
        self.chapter.told.step("There is nothing to renew here", began, lines);
        Ok(())
    }

    /// Lets the function that renews tokens take this connection now.
    async fn run_renewal(&self) -> Result<(), Failure> {
        self.chapter.cloud.bring_renewal_forward(&self.connection).await?;
        self.chapter.cloud.fire_schedule("refresh").await?;
        Ok(())
    }

    /// How many tokens the platform has given out there.
    async fn tokens_given(&self, path: &str) -> Result<usize, Failure> {
        let calls = self.calls().await?;
        let given = calls.iter().filter(|call| field(call, "/path") == path && field(call, "/status") == 200);
        Ok(given.count())
    }
}
