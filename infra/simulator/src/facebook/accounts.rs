//! People and their Pages: `/me`, `/me/accounts`, `/{page}`.

use super::error::GraphError;
use super::fields::Field;
use super::grants::{no_active_user, own_user};
use super::paging::{self, Entry};
use super::render;
use super::spec;
use super::tokens::Caller;
use super::world::{Page, World};
use crate::call::Call;
use jiff::Timestamp;
use serde_json::Value;

const ACCOUNT_DEFAULTS: [&str; 6] = ["access_token", "category", "category_list", "name", "id", "tasks"];

impl World {
    /// `GET /me/accounts`: the Pages that were ticked, each with its token.
    pub(crate) fn list_accounts(
        &mut self,
        caller: &Caller,
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let user = own_user(caller, id, "accounts", "get")?.to_owned();
        let Caller::User { token, .. } = caller else { return Err(no_active_user()) };
        let fields = render::requested(call, &ACCOUNT_DEFAULTS)?;
        render::check(&fields, "Page", &[spec::PAGE_FIELDS])?;
        let grant = self.grants.get(&user).ok_or_else(|| GraphError::dead_token(458))?;
        if !grant.scopes.contains("pages_show_list") {
            return Err(GraphError::permission(200, "Requires pages_show_list permission to manage the object"));
        }
        let entries: Vec<Entry<String>> = self
            .users
            .get(&user)
            .map(|user| user.roles.keys().filter(|page| grant.pages.contains(*page)).cloned().collect::<Vec<_>>())
            .unwrap_or_default()
            .into_iter()
            .map(|page| Entry { key: page.clone(), item: page })
            .collect();
        let slice = paging::slice(entries, call, &self.base, false)?;
        let mut data = Vec::new();
        for page in slice.items {
            data.push(self.page_for_user(&page, &user, token, &fields, now)?);
        }
        Ok(paging::envelope(&data, slice.paging))
    }

    /// `GET /{page}`, by the Page itself or by a person with a role there.
    pub(crate) fn read_page(
        &mut self,
        caller: &Caller,
        id: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let page = self.page(id)?.clone();
        let fields = render::requested(call, &["name", "id"])?;
        match caller {
            Caller::Page { page: own, user } if own == id => {
                let tasks = self.tasks(user, id);
                let token = call.token();
                self.page_object(&page, &fields, token.as_deref(), Some(&tasks))
            }
            Caller::User { user, token } if self.is_ticked(user, &page) => {
                self.page_for_user(id, user, token, &fields, now)
            }
            Caller::App | Caller::User { .. } | Caller::Page { .. } => Err(GraphError::missing("get", id)),
        }
    }

    fn page_for_user(
        &mut self,
        id: &str,
        user: &str,
        user_token: &str,
        fields: &[Field],
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let page = self.page(id)?.clone();
        let wants_token = fields.iter().any(|field| field.name == "access_token");
        let token = if wants_token { self.page_token(user_token, id, now) } else { None };
        let tasks = self.tasks(user, id);
        self.page_object(&page, fields, token.as_deref(), Some(&tasks))
    }

    fn tasks(&self, user: &str, page: &str) -> Vec<&'static str> {
        self.users.get(user).and_then(|user| user.roles.get(page)).cloned().unwrap_or_default()
    }

    fn is_ticked(&self, user: &str, page: &Page) -> bool {
        let has_role = self.users.get(user).is_some_and(|user| user.roles.contains_key(&page.id));
        has_role && self.grants.get(user).is_some_and(|grant| grant.pages.contains(&page.id))
    }
}
