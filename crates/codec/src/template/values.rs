//! Values from octets, and numbers into columns of any width.

use weir_record::{Address, AnyColumnMut};
use weir_wire::Reader;

use super::cells::{Cells, number};

/// The address of 16 octets, IPv4 mapped.
pub(super) fn mapped(octets: &[u8]) -> Option<Address> {
    let address = std::net::Ipv6Addr::from(*octets.first_chunk::<16>()?).to_canonical();
    (!address.is_unspecified()).then(|| address.into())
}

/// The numbers of a list of one element.
pub(super) fn list_of_numbers(mut list: Reader<'_>) -> Option<Vec<u32>> {
    let _semantic = list.u8().ok()?;
    let is_enterprise = list.u16().ok()? & 0x8000 != 0;
    let length = usize::from(list.u16().ok()?);
    if is_enterprise {
        list.u32().ok()?;
    }
    let octets = list.rest();
    if !(1..=8).contains(&length) || !octets.len().is_multiple_of(length) {
        return None;
    }
    Some(octets.chunks(length).map(|octets| Fit::fit(number(octets))).collect())
}

/// A number that is made to fit; what is too large saturates.
trait Fit: Copy + Default {
    fn fit(number: u64) -> Self;
}

macro_rules! fit {
    ($($int:ty),*) => { $(
        impl Fit for $int {
            #[inline]
            fn fit(number: u64) -> Self {
                Self::try_from(number).unwrap_or(Self::MAX)
            }
        }
    )* };
}
fit!(u8, u16, u32, u64);

pub(super) fn write_numbers(column: AnyColumnMut<'_>, row: usize, cells: Cells<'_>) {
    match column {
        AnyColumnMut::U8(out) => out.extend(row, cells.iter().map(|octets| Fit::fit(number(octets)))),
        AnyColumnMut::U16(out) => out.extend(row, cells.iter().map(|octets| Fit::fit(number(octets)))),
        AnyColumnMut::U32(out) => out.extend(row, cells.iter().map(|octets| Fit::fit(number(octets)))),
        AnyColumnMut::U64(out) => out.extend(row, cells.iter().map(|octets| Fit::fit(number(octets)))),
        AnyColumnMut::Time(_) | AnyColumnMut::Ip(_) | AnyColumnMut::Text(_) | AnyColumnMut::List(_) => {}
    }
}

pub(super) fn write_some(column: AnyColumnMut<'_>, row: usize, numbers: impl Iterator<Item = Option<u64>>) {
    match column {
        AnyColumnMut::U8(out) => out.extend_some(row, numbers.map(|number| number.map(Fit::fit))),
        AnyColumnMut::U16(out) => out.extend_some(row, numbers.map(|number| number.map(Fit::fit))),
        AnyColumnMut::U32(out) => out.extend_some(row, numbers.map(|number| number.map(Fit::fit))),
        AnyColumnMut::U64(out) => out.extend_some(row, numbers.map(|number| number.map(Fit::fit))),
        AnyColumnMut::Time(_) | AnyColumnMut::Ip(_) | AnyColumnMut::Text(_) | AnyColumnMut::List(_) => {}
    }
}
