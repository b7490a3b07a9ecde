//! Reads template sets: one [`Event`] a template record, faults for those that cannot be.

use weir_record::ElementId;
use weir_record::registry::Registry;
use weir_wire::{Reader, Short};

use super::{Field, PEN_NETFLOW9_SCOPE, Template, netflow9_element};
use crate::fault::{Fault, Faults, Reason};

/// What a template record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A template, with the octets that describe it.
    Announce(Template, &'a [u8]),
    /// This template is void (RFC 7011, section 8.1).
    Withdraw(u16),
    /// All templates, or all options templates, are void.
    WithdrawAll { options: bool },
}

/// The four forms of template records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    NetFlow9,
    NetFlow9Options,
    Ipfix,
    IpfixOptions,
}

/// Reads the template records of one set.
pub(crate) struct Parser<'a, 'r> {
    reader: Reader<'a>,
    form: Form,
    registry: &'r Registry,
    max_fields: usize,
    /// The set ends at a multiple of four octets.
    is_aligned: bool,
}

impl<'a, 'r> Parser<'a, 'r> {
    /// A parser of the body of set 0 or 1 of NetFlow v9.
    pub(crate) const fn netflow9(body: Reader<'a>, options: bool, registry: &'r Registry, max_fields: usize) -> Self {
        let form = if options { Form::NetFlow9Options } else { Form::NetFlow9 };
        Self { reader: body, form, registry, max_fields, is_aligned: body.left().is_multiple_of(4) }
    }

    /// A parser of the body of set 2 or 3 of IPFIX.
    pub(crate) const fn ipfix(body: Reader<'a>, options: bool, registry: &'r Registry, max_fields: usize) -> Self {
        let form = if options { Form::IpfixOptions } else { Form::Ipfix };
        Self { reader: body, form, registry, max_fields, is_aligned: body.left().is_multiple_of(4) }
    }

    /// The next template record. A bad one is told as a fault and passed over; one whose end cannot be known ends the set.
    pub(crate) fn next(&mut self, faults: &mut Faults) -> Option<Event<'a>> {
        loop {
            let start = self.reader;
            if start.left() < 4 {
                // As behind data records, what aligns a set may hold anything.
                if !self.is_aligned && start.rest().iter().any(|octet| *octet != 0) {
                    faults.add(Fault::new(Reason::ShortRecord, start.offset(), start.left() as u64));
                }
                return None;
            }
            // No template has the id 0: this is padding, or what follows cannot be told apart.
            if self.reader.peek_u16() == Ok(0) {
                if self.reader.rest().iter().any(|octet| *octet != 0) {
                    faults.add(Fault::new(Reason::BadTemplateId, start.offset(), 0));
                }
                return None;
            }
            match self.record() {
                Ok(Ok(event)) => return Some(event),
                Ok(Err(fault)) => faults.add(fault),
                Err(short) => {
                    faults.add(Fault::truncated(short));
                    self.reader = start;
                    return None;
                }
            }
        }
    }

    /// One record: what it says, or what is wrong with it while its end is known.
    fn record(&mut self) -> Result<Result<Event<'a>, Fault>, Short> {
        let start = self.reader;
        let id = self.reader.u16()?;
        let count_at = self.reader.offset();
        let count = self.reader.u16()?;
        let (scope, count) = match self.form {
            Form::NetFlow9 => (None, usize::from(count)),
            Form::Ipfix | Form::IpfixOptions if count == 0 => return Ok(self.withdrawal(id, start.offset())),
            Form::Ipfix => (None, usize::from(count)),
            Form::IpfixOptions => (Some(self.reader.u16()?), usize::from(count)),
            Form::NetFlow9Options => {
                // Here both counts are octets, four a field.
                let option_octets = self.reader.u16()?;
                for (octets, at) in [(count, count_at), (option_octets, count_at + 2)] {
                    if octets % 4 != 0 {
                        self.reader.skip(usize::from(count) + usize::from(option_octets))?;
                        return Ok(Err(Fault::new(Reason::BadTemplate, at, u64::from(octets))));
                    }
                }
                (Some(count / 4), usize::from(count / 4) + usize::from(option_octets / 4))
            }
        };
        let mut fields = Vec::new();
        for place in 0..count {
            let field = self.field(scope.is_some_and(|scope| place < usize::from(scope)))?;
            // Fields past the limit are read for their length alone.
            if place < self.max_fields {
                fields.push(field);
            }
        }
        let octets = self.reader.offset() - start.offset();
        let raw = start.rest().get(..octets).unwrap_or_default();
        let template = Template { id, scope, fields };
        let fault = |reason, offset, seen: usize| Ok(Err(Fault::new(reason, offset, seen as u64)));
        if id < 256 {
            return fault(Reason::BadTemplateId, start.offset(), usize::from(id));
        }
        if count > self.max_fields {
            return fault(Reason::TemplateTooWide, count_at, count);
        }
        // A record must have an octet, or a set could hold any number of them.
        if template.min_length() == 0 {
            return fault(Reason::BadTemplate, count_at, count);
        }
        if let Some(scope) = scope
            && (usize::from(scope) > count || (scope == 0 && self.form == Form::IpfixOptions))
        {
            return fault(Reason::BadTemplate, count_at + 2, usize::from(scope));
        }
        Ok(Ok(Event::Announce(template, raw)))
    }

    fn field(&mut self, scope: bool) -> Result<Field, Short> {
        let id = self.reader.u16()?;
        let length = self.reader.u16()?;
        let element = match self.form {
            Form::NetFlow9Options if scope => ElementId::enterprise(PEN_NETFLOW9_SCOPE, id),
            Form::NetFlow9 | Form::NetFlow9Options => netflow9_element(self.registry, id),
            Form::Ipfix | Form::IpfixOptions if id & 0x8000 != 0 => ElementId::enterprise(self.reader.u32()?, id & 0x7fff),
            Form::Ipfix | Form::IpfixOptions => ElementId::iana(id),
        };
        Ok(Field { element, length })
    }

    /// A template without fields: its id names a template, or the set id the whole kind.
    fn withdrawal(&self, id: u16, offset: usize) -> Result<Event<'a>, Fault> {
        match (id, self.form) {
            (256.., _) => Ok(Event::Withdraw(id)),
            (2, Form::Ipfix) => Ok(Event::WithdrawAll { options: false }),
            (3, Form::IpfixOptions) => Ok(Event::WithdrawAll { options: true }),
            _ => Err(Fault::new(Reason::BadTemplateId, offset, u64::from(id))),
        }
    }
}
