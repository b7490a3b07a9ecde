//! Who asks, as routes see them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::DataLimits;
use super::role::Role;
use super::secret::Digest;
use crate::error::Fault;

/// How somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// They signed in.
    Session,
    /// A token that they made.
    Token,
    /// The token of the service's folder: whoever may read it is its user, or root.
    Local,
    /// Nobody signs in here.
    Open,
    /// An address that may read the counters.
    Address,
}

impl Via {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::Local => "local",
            Self::Open => "open",
            Self::Address => "address",
        }
    }
}

/// By what they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Session(Digest),
    Token(String),
    /// Nothing that could end.
    Lasting,
}

/// Somebody who may ask.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    pub(super) limits: Option<Arc<DataLimits>>,
    pub(super) via: Via,
    pub(super) credential: Credential,
    /// The change of the book that made them what they are.
    pub(super) revision: u64,
    /// From where they ask.
    pub(super) from: IpAddr,
}

impl Caller {
    /// Somebody who is no user: may do so much, and sees all.
    pub(super) fn nobody(name: &str, role: Role, via: Via, from: IpAddr) -> Self {
        Self { name: name.into(), role, limits: None, via, credential: Credential::Lasting, revision: 0, from }
    }

    /// The name of the user; of others a word for them.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The user whose things they are that this caller makes; nothing for others.
    pub(crate) fn user(&self) -> Option<&str> {
        matches!(self.via, Via::Session | Via::Token).then_some(&*self.name)
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn limits(&self) -> Option<&DataLimits> {
        self.limits.as_deref()
    }

    pub(crate) const fn via(&self) -> Via {
        self.via
    }
}

/// The guard has put them there; without them nothing is told.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Fault::new(StatusCode::UNAUTHORIZED, "sign in first"))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
