//! What each route asks of whoever comes: the least role, as the annotation of the route states it.
//!
//! A route states `security(("session" = ["viewer"]))`, or analyst, or admin, or `security(())` where it is open to everybody. The description of the API and this
//! table are both made of that, so there is nothing else to keep in step. What states nothing cannot be reached.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::role::Role;

/// The name of the scheme in the annotations.
pub(crate) const SESSION: &str = "session";

/// What a route asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The least role; none: it is open.
    pub(crate) least: Option<Role>,
    /// It only asks, by whatever method: nothing of the service changes.
    pub(crate) only_asks: bool,
}

/// All routes, by method and path as it is described.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessTable(HashMap<String, HashMap<Method, Access>>);

/// Why a route cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAccess {
    /// It does not take that method.
    Method,
    /// It does not say who may.
    Unstated,
}

impl AccessTable {
    /// Of a description.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        let mut table = HashMap::new();
        for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let mut known = HashMap::new();
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
                if let (Ok(method), Some(access)) = (method, access(operation)) {
                    known.insert(method, access);
                }
            }
            table.insert(path.clone(), known);
        }
        Self(table)
    }

    /// What is asked of whoever comes this way.
    pub(crate) fn find(&self, path: &str, method: &Method) -> Result<Access, NoAccess> {
        let methods = self.0.get(path).ok_or(NoAccess::Unstated)?;
        let method = if method == Method::HEAD { &Method::GET } else { method };
        methods.get(method).copied().ok_or(NoAccess::Method)
    }
}

/// What an operation states; nothing where it states nothing that is understood.
fn access(operation: &Value) -> Option<Access> {
    let requirements = operation.get("security")?.as_array()?;
    let tags = operation.get("tags").and_then(Value::as_array);
    let only_asks = tags.is_some_and(|tags| tags.iter().any(|tag| tag == "ask"));
    let stated = requirements.iter().find_map(|requirement| requirement.get(SESSION));
    let least = match stated {
        Some(roles) => Some(roles.as_array()?.first()?.as_str()?.parse().ok()?),
        // Open is what says so: nothing but a requirement of nothing.
        None if requirements.len() == 1 && requirements[0].as_object()?.is_empty() => None,
        None => return None,
    };
    Some(Access { least, only_asks })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_states_its_least_role() {
        let of = |security: Value| access(&json!({"tags": ["ask"], "security": security})).map(|access| access.least);
        assert_eq!(of(json!([{"session": ["analyst"]}, {"token": ["analyst"]}])), Some(Some(Role::Analyst)));
        assert_eq!(of(json!([{}])), Some(None));
        for nothing in [
            json!([]),
            json!([{"session": []}]),
            json!([{"session": ["boss"]}]),
            json!([{"token": ["admin"]}]),
            json!([{}, {"token": []}]),
            json!({}),
        ] {
            assert_eq!(of(nothing.clone()), None, "{nothing}");
        }
        assert_eq!(access(&json!({"tags": ["ask"]})), None);
    }
}
