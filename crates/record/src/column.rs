//! How the values of one column lie in memory.
//!
//! Every column is dense vectors as Arrow has them (values, or offsets and octets; one validity bit a
//! row, least significant first), so that they can be handed over without copying. Two habits keep
//! them cheap: a column is only as long as its last value (shorter than the batch means absent from
//! there on), and validity bits exist only from the first gap on. A column without a value has no memory.
//!
//! Writers name the row they write. Rows before it that got nothing become absent; a row written
//! twice keeps the later value, and nothing here panics on either.

mod fixed;
mod ip;
mod list;
mod spans;
mod text;
mod validity;

pub use fixed::Fixed;
pub use ip::IpColumn;
pub use list::ListColumn;
pub use text::TextColumn;
pub use validity::Validity;

/// A column of any type, for reading.
#[derive(Clone, Copy, Debug)]
pub enum AnyColumn<'a> {
    /// `U8`, `Bool`, `Enum`.
    U8(&'a Fixed<u8>),
    /// `U16`.
    U16(&'a Fixed<u16>),
    /// `U32`.
    U32(&'a Fixed<u32>),
    /// `U64`, `Mac`.
    U64(&'a Fixed<u64>),
    /// `Time`.
    Time(&'a Fixed<i64>),
    /// `Ip`.
    Ip(&'a IpColumn),
    /// `Text`, `Json`.
    Text(&'a TextColumn),
    /// `List`.
    List(&'a ListColumn),
}

/// A column of any type, for writing.
#[derive(Debug)]
pub enum AnyColumnMut<'a> {
    /// `U8`, `Bool`, `Enum`.
    U8(&'a mut Fixed<u8>),
    /// `U16`.
    U16(&'a mut Fixed<u16>),
    /// `U32`.
    U32(&'a mut Fixed<u32>),
    /// `U64`, `Mac`.
    U64(&'a mut Fixed<u64>),
    /// `Time`.
    Time(&'a mut Fixed<i64>),
    /// `Ip`.
    Ip(&'a mut IpColumn),
    /// `Text`, `Json`.
    Text(&'a mut TextColumn),
    /// `List`.
    List(&'a mut ListColumn),
}

impl AnyColumn<'_> {
    /// True where no row has a value and no memory is spent.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::U8(c) => c.is_empty(),
            Self::U16(c) => c.is_empty(),
            Self::U32(c) => c.is_empty(),
            Self::U64(c) => c.is_empty(),
            Self::Time(c) => c.is_empty(),
            Self::Ip(c) => c.is_empty(),
            Self::Text(c) => c.is_empty(),
            Self::List(c) => c.is_empty(),
        }
    }

    /// True where the row has a value.
    pub fn is_present(&self, row: usize) -> bool {
        self.validity().is_valid(row)
    }

    /// Which rows have a value.
    pub fn validity(&self) -> &Validity {
        match self {
            Self::U8(c) => c.validity(),
            Self::U16(c) => c.validity(),
            Self::U32(c) => c.validity(),
            Self::U64(c) => c.validity(),
            Self::Time(c) => c.validity(),
            Self::Ip(c) => c.validity(),
            Self::Text(c) => c.validity(),
            Self::List(c) => c.validity(),
        }
    }
}

/// Ties a storage type to its place in [`AnyColumn`] and [`AnyColumnMut`].
macro_rules! any_from {
    ($($storage:ty => $variant:ident),* $(,)?) => { $(
        impl<'a> From<&'a $storage> for AnyColumn<'a> {
            fn from(column: &'a $storage) -> Self {
                Self::$variant(column)
            }
        }

        impl<'a> From<&'a mut $storage> for AnyColumnMut<'a> {
            fn from(column: &'a mut $storage) -> Self {
                Self::$variant(column)
            }
        }
    )* };
}

any_from! {
    Fixed<u8> => U8, Fixed<u16> => U16, Fixed<u32> => U32, Fixed<u64> => U64, Fixed<i64> => Time,
    IpColumn => Ip, TextColumn => Text, ListColumn => List,
}

#[cfg(test)]
mod tests;
