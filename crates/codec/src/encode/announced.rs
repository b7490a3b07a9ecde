//! The templates that an encoder has announced.

use std::collections::HashMap;

use super::message::MessageWriter;
use crate::template::Field;

/// Templates that an encoder keeps before it begins anew.
const TEMPLATE_LIMIT: usize = 8192;
/// Ids below are those of sets (RFC 7011, section 3.4.1).
const FIRST_ID: u16 = 256;

/// Templates by their fields.
#[derive(Debug)]
pub(super) struct Announced {
    templates: Vec<Template>,
    /// Places by fields, one map for each number of scope fields; 0 is that of data templates.
    places: HashMap<u16, HashMap<Vec<Field>, usize>>,
    next_id: u16,
    /// Counts the times when all were to be announced again.
    round: u64,
}

#[derive(Debug)]
struct Template {
    id: u16,
    scope: u16,
    fields: Vec<Field>,
    /// The round in which it was announced last.
    round: u64,
}

impl Default for Announced {
    fn default() -> Self {
        Self { templates: Vec::new(), places: HashMap::new(), next_id: FIRST_ID, round: 1 }
    }
}

impl Announced {
    /// The id of a template; it is announced if that is due.
    pub(super) fn id_of(&mut self, message: &mut MessageWriter, scope: u16, fields: &[Field]) -> u16 {
        let place = self.place(scope, fields);
        self.id(message, place)
    }

    /// The place of a template among those that are kept.
    pub(super) fn place(&mut self, scope: u16, fields: &[Field]) -> usize {
        let places = self.places.entry(scope).or_default();
        if let Some(place) = places.get(fields) {
            return *place;
        }
        let place = self.templates.len();
        places.insert(fields.to_vec(), place);
        self.templates.push(Template { id: self.next_id, scope, fields: fields.to_vec(), round: 0 });
        self.next_id = self.next_id.checked_add(1).unwrap_or(FIRST_ID);
        place
    }

    /// The id of a kept template; it is announced if that is due.
    #[inline]
    pub(super) fn id(&mut self, message: &mut MessageWriter, place: usize) -> u16 {
        let Some(template) = self.templates.get_mut(place) else { return 0 };
        if template.round != self.round {
            template.round = self.round;
            let scope = (template.scope > 0).then_some(template.scope);
            message.announce(template.id, scope, &template.fields);
        }
        template.id
    }

    pub(super) const fn announce_again(&mut self) {
        self.round += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.templates.len()
    }

    /// Begins anew once there are many, and says so; ids go on, so that none changes its meaning soon. Not while a record is written: its lists
    /// refer to templates.
    #[inline]
    pub(super) fn limit(&mut self) -> bool {
        if self.templates.len() < TEMPLATE_LIMIT {
            return false;
        }
        *self = Self { next_id: self.next_id, round: self.round, ..Self::default() };
        true
    }
}
