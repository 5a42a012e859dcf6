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
use serde_json::{Value, json};

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
        self.may_list(&user, "pages_show_list")?;
        let in_business = |page: &String| {
            self.businesses.values().any(|business| business.owned.contains(page) || business.client.contains(page))
        };
        let roles = self.users.get(&user).map(|user| &user.roles);
        let pages =
            roles.into_iter().flat_map(|roles| roles.keys()).filter(|page| !in_business(page)).cloned().collect();
        self.list_pages(pages, &user, token, call, &fields, now)
    }

    /// `GET /me/businesses`.
    pub(crate) fn list_businesses(&self, caller: &Caller, id: &str, call: &Call) -> Result<Value, GraphError> {
        let user = own_user(caller, id, "businesses", "get")?;
        self.may_list(user, "business_management")?;
        let own = self.businesses.values().filter(|business| business.user == user);
        let entries = own.map(|business| Entry { key: business.id.clone(), item: business }).collect();
        let slice = paging::slice(entries, call, &self.base, false)?;
        let data: Vec<Value> =
            slice.items.into_iter().map(|business| json!({"id": business.id, "name": business.name})).collect();
        Ok(paging::envelope(&data, slice.paging))
    }

    /// `GET /{business}/owned_pages` and `/client_pages`.
    pub(crate) fn list_business_pages(
        &mut self,
        caller: &Caller,
        id: &str,
        edge: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let business = self.businesses.get(id).ok_or_else(|| GraphError::missing("get", id))?;
        let Caller::User { user, token } = caller else { return Err(GraphError::missing("get", id)) };
        if business.user != *user {
            return Err(GraphError::missing("get", id));
        }
        self.may_list(user, "business_management")?;
        self.may_list(user, "pages_show_list")?;
        let pages = if edge == "owned_pages" { business.owned.clone() } else { business.client.clone() };
        let fields = render::requested(call, &["name", "id"])?;
        render::check(&fields, "Page", &[spec::PAGE_FIELDS])?;
        self.list_pages(pages, user, token, call, &fields, now)
    }

    /// The ticked ones among `pages`.
    fn list_pages(
        &mut self,
        pages: Vec<String>,
        user: &str,
        user_token: &str,
        call: &Call,
        fields: &[Field],
        now: Timestamp,
    ) -> Result<Value, GraphError> {
        let ticked = |page: &String| self.grants.get(user).is_some_and(|grant| grant.pages.contains(page));
        let entries: Vec<Entry<String>> =
            pages.into_iter().filter(ticked).map(|page| Entry { key: page.clone(), item: page }).collect();
        let slice = paging::slice(entries, call, &self.base, false)?;
        let mut data = Vec::new();
        for page in slice.items {
            data.push(self.page_for_user(&page, user, user_token, fields, now)?);
        }
        Ok(paging::envelope(&data, slice.paging))
    }

    fn may_list(&self, user: &str, scope: &str) -> Result<(), GraphError> {
        let grant = self.grants.get(user).ok_or_else(|| GraphError::dead_token(458))?;
        if grant.scopes.contains(scope) {
            return Ok(());
        }
        Err(GraphError::permission(200, &format!("Requires {scope} permission to manage the object")))
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
