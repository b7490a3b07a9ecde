//! Protocols of this family.

use super::protocol::Protocol;

pub(super) const PROTOCOLS: &[Protocol] = &[];
