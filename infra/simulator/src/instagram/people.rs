//! People and their Pages, and what they took back.

use super::error::GraphError;
use super::world::{Holder, World};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Few Pages stand on one page of the listing.
const PAGE: usize = 2;

impl World {
    /// `GET /me`.
    pub(crate) fn me(&self, holder: &Holder) -> Result<Value, GraphError> {
        match holder {
            Holder::Person(person) => {
                let person = self.people.get(person).ok_or_else(|| GraphError::missing("me"))?;
                Ok(json!({"id": person.id, "name": person.name}))
            }
            Holder::Page(page, _) => {
                let page = self.pages.get(page).ok_or_else(|| GraphError::missing("me"))?;
                Ok(json!({"id": page.id, "name": page.name}))
            }
            Holder::Account(account) => {
                let account = self.accounts.get(account).ok_or_else(|| GraphError::missing("me"))?;
                Ok(json!({
                    "id": account.scoped_id,
                    "user_id": account.id,
                    "username": account.username,
                    "name": account.name,
                    "account_type": account.kind,
                }))
            }
        }
    }

    /// `GET /me/accounts`.
    pub(crate) fn list_pages(&mut self, holder: &Holder, call: &Call, now: Timestamp) -> Result<Value, GraphError> {
        let Holder::Person(person) = holder else {
            return Err(GraphError::parameter("Tried accessing nonexisting field (accounts)"));
        };
        let grant = self.grants.get(holder).cloned().unwrap_or_default();
        if !grant.scopes.contains("pages_show_list") {
            return Ok(json!({"data": []}));
        }
        let roles = self.people.get(person).map(|person| person.roles.clone()).unwrap_or_default();
        let offset = call.params.number("after")?.unwrap_or(0);
        let ticked: Vec<_> = roles.into_iter().filter(|(page, _)| grant.pages.contains(*page)).collect();
        let mut data = Vec::new();
        for (id, tasks) in ticked.iter().skip(offset).take(PAGE) {
            let token = self.issue(Holder::Page(id, person), None, now);
            let Some(page) = self.pages.get(id) else { continue };
            let mut entry = json!({"id": page.id, "name": page.name, "access_token": token, "tasks": tasks});
            let account = page.account.and_then(|account| self.accounts.get(account));
            let may_know = grant.scopes.contains("instagram_basic");
            if let (Some(fields), Some(account)) = (entry.as_object_mut(), account.filter(|_| may_know)) {
                let account = json!({"id": account.id, "username": account.username, "name": account.name});
                fields.insert("instagram_business_account".to_owned(), account);
            }
            data.push(entry);
        }
        let mut answer = json!({ "data": data });
        if offset + PAGE < ticked.len()
            && let Some(members) = answer.as_object_mut()
        {
            members.insert("paging".to_owned(), self.paging(call, offset + PAGE));
        }
        Ok(answer)
    }

    /// `GET /{account}`.
    pub(crate) fn read_account(&self, holder: &Holder, id: &str) -> Result<Value, GraphError> {
        let account = self.account_named(holder, id)?;
        self.allow(holder, account.id, super::access::Wish::Look)?;
        Ok(json!({
            "id": id,
            "username": account.username,
            "name": account.name,
            "followers_count": account.followers,
            "media_count": self.media_of(account.id).len(),
        }))
    }

    /// `DELETE /{person}/permissions` and `/{person}/permissions/{permission}`.
    pub(crate) fn take_back(&mut self, holder: &Holder, id: &str, scope: Option<&str>) -> Result<Value, GraphError> {
        let Holder::Person(person) = holder else { return Err(GraphError::missing(id)) };
        if id != *person && id != "me" {
            return Err(GraphError::missing(id));
        }
        let own = Holder::Person(person);
        match scope {
            Some(scope) => {
                if let Some(grant) = self.grants.get_mut(&own) {
                    grant.scopes.remove(scope);
                }
            }
            None => {
                self.grants.remove(&own);
            }
        }
        Ok(json!({"success": true}))
    }
}
