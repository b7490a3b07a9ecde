//! A filter in BPF text (pcap-filter(7)), compiled to classic BPF and run over frames.
//!
//! Operators know this language from tcpdump. libpcap's compiler turns the text into a program for the machine of McCanne and Jacobson
//! ("The BSD Packet Filter", 1993). The same program is attached to sockets, where the kernel runs it, and run here over the frames of
//! files. libpcap is looked for when the first filter is compiled, so that neither building nor running without filters needs it.
//!
//! A program only jumps forward and reads within the frame, so every run ends after at most as many steps as it has instructions.

mod libpcap;

#[cfg(test)]
mod tests;

use std::ffi::CString;

/// Longest filter text, bytes.
pub const MAX_BPF_TEXT: usize = 64 << 10;

/// Octets of a frame that a program accepts: more than any frame has, so the whole frame.
pub(crate) const WHOLE_FRAME: u32 = 262_144;

/// Cells of the machine's scratch memory.
const CELLS: usize = 16;

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bpf {
    program: Vec<Instruction>,
}

/// One instruction of classic BPF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    /// Instructions to skip where the condition holds.
    pub(crate) jump_true: u8,
    /// Instructions to skip where it does not.
    pub(crate) jump_false: u8,
    pub(crate) k: u32,
}

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BpfError {
    /// The library with the compiler is not there.
    #[error(
        "BPF filters are compiled by libpcap, which cannot be loaded; install it (Debian and Ubuntu: `apt install libpcap0.8`): {cause}"
    )]
    NoCompiler {
        /// What the dynamic linker says.
        cause: String,
    },

    /// The compiler refuses the text.
    #[error("BPF filter `{text}`: {message}; pcap-filter(7) describes the language")]
    Refused {
        /// The filter.
        text: String,
        /// What the compiler says.
        message: String,
    },

    /// No person wrote this.
    #[error("BPF filter of {length} bytes, the limit is {limit}")]
    TooLong {
        /// Length of the text, bytes.
        length: usize,
        /// The limit.
        limit: usize,
    },

    /// The program has an instruction that classic BPF does not have, or jumps out of itself.
    #[error("BPF filter compiled to a program that cannot be run (instruction {at})")]
    BadProgram {
        /// Number of the instruction, from 0.
        at: usize,
    },
}

impl Bpf {
    /// Compiles a filter for frames of one LINKTYPE_ number. The empty text matches every frame.
    pub fn compile(text: &str, link_type: u16) -> Result<Self, BpfError> {
        if text.len() > MAX_BPF_TEXT {
            return Err(BpfError::TooLong { length: text.len(), limit: MAX_BPF_TEXT });
        }
        let Ok(terminated) = CString::new(text) else {
            let message = "has a zero octet".to_owned();
            return Err(BpfError::Refused { text: text.replace('\0', "\\0"), message });
        };
        Bpf::checked(libpcap::compile(text, &terminated, link_type)?)
    }

    /// True where the filter selects the frame. `original_len` is its length on the wire, which `len`, `less` and `greater` compare.
    pub fn matches(&self, data: &[u8], original_len: u32) -> bool {
        run(&self.program, data, original_len).is_some_and(|octets| octets != 0)
    }

    /// The program, with `snap_length` for the octets of an accepted frame.
    pub(crate) fn program(&self, snap_length: u32) -> Vec<Instruction> {
        let accept = |instruction: &Instruction| match *instruction {
            Instruction { code: op::RET_K, k: WHOLE_FRAME, .. } => Instruction { k: snap_length, ..*instruction },
            other => other,
        };
        self.program.iter().map(accept).collect()
    }

    /// Takes a program that ends on every path and stays within itself and its memory.
    fn checked(program: Vec<Instruction>) -> Result<Self, BpfError> {
        let runs = |(at, instruction): (usize, &Instruction)| {
            // Every jump lands on an instruction, so does the step behind any but a return.
            let lands = |skipped: usize| at.checked_add(skipped).is_some_and(|to| to < program.len() - 1);
            match instruction.code {
                op::RET_K | op::RET_A => true,
                op::JA => lands(instruction.k as usize),
                code if code & op::CLASS == op::JMP => {
                    is_jump(code) && lands(instruction.jump_true.into()) && lands(instruction.jump_false.into())
                }
                op::LD_MEM | op::LDX_MEM | op::ST | op::STX => (instruction.k as usize) < CELLS && lands(0),
                op::DIV_K | op::MOD_K => instruction.k != 0 && lands(0),
                code => is_known(code) && lands(0),
            }
        };
        match program.iter().enumerate().position(|numbered| !runs(numbered)) {
            Some(at) => Err(BpfError::BadProgram { at }),
            None if program.is_empty() => Err(BpfError::BadProgram { at: 0 }),
            None => Ok(Bpf { program }),
        }
    }
}

/// Octets of the frame that the program accepts; none where it reads outside of the frame, which refuses it too.
fn run(program: &[Instruction], data: &[u8], original_len: u32) -> Option<u32> {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut cells = [0_u32; CELLS];
    let mut rest = program.iter();
    while let Some(&Instruction { code, jump_true, jump_false, k }) = rest.next() {
        match code {
            op::LD_W_ABS => a = u32::from_be_bytes(octets(data, k)?),
            op::LD_H_ABS => a = u16::from_be_bytes(octets(data, k)?).into(),
            op::LD_B_ABS => a = u8::from_be_bytes(octets(data, k)?).into(),
            op::LD_W_IND => a = u32::from_be_bytes(octets(data, x.checked_add(k)?)?),
            op::LD_H_IND => a = u16::from_be_bytes(octets(data, x.checked_add(k)?)?).into(),
            op::LD_B_IND => a = u8::from_be_bytes(octets(data, x.checked_add(k)?)?).into(),
            op::LD_IMM => a = k,
            op::LD_LEN => a = original_len,
            op::LD_MEM => a = *cells.get(k as usize)?,
            op::LDX_IMM => x = k,
            op::LDX_LEN => x = original_len,
            op::LDX_MEM => x = *cells.get(k as usize)?,
            op::LDX_MSH => x = u32::from(u8::from_be_bytes(octets(data, k)?) & 0x0f) * 4,
            op::ST => *cells.get_mut(k as usize)? = a,
            op::STX => *cells.get_mut(k as usize)? = x,
            op::TAX => x = a,
            op::TXA => a = x,
            op::RET_K => return Some(k),
            op::RET_A => return Some(a),
            op::JA => skip(&mut rest, k as usize),
            _ if code & op::CLASS == op::JMP => {
                let operand = if code & op::X == 0 { k } else { x };
                let holds = match code & op::OPERATION {
                    op::JEQ => a == operand,
                    op::JGT => a > operand,
                    op::JGE => a >= operand,
                    _ => a & operand != 0,
                };
                skip(&mut rest, if holds { jump_true } else { jump_false }.into());
            }
            _ => a = calculate(code & op::OPERATION, a, if code & op::X == 0 { k } else { x })?,
        }
    }
    None
}

fn skip(rest: &mut std::slice::Iter<'_, Instruction>, count: usize) {
    if count > 0 {
        rest.nth(count - 1);
    }
}

fn octets<const N: usize>(data: &[u8], at: u32) -> Option<[u8; N]> {
    data.get(at as usize..)?.first_chunk().copied()
}

/// Arithmetic in 32 bits that wraps; none where it divides by zero.
fn calculate(operation: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        op::ADD => a.wrapping_add(operand),
        op::SUB => a.wrapping_sub(operand),
        op::MUL => a.wrapping_mul(operand),
        op::DIV => a.checked_div(operand)?,
        op::MOD => a.checked_rem(operand)?,
        op::OR => a | operand,
        op::AND => a & operand,
        op::XOR => a ^ operand,
        op::LSH => a.checked_shl(operand).unwrap_or(0),
        op::RSH => a.checked_shr(operand).unwrap_or(0),
        op::NEG => a.wrapping_neg(),
        _ => return None,
    })
}

fn is_jump(code: u16) -> bool {
    code & !(op::CLASS | op::OPERATION | op::X) == 0 && matches!(code & op::OPERATION, op::JEQ | op::JGT | op::JGE | op::JSET)
}

/// True for what neither jumps nor touches the scratch memory nor returns.
fn is_known(code: u16) -> bool {
    let loads = [op::LD_W_ABS, op::LD_H_ABS, op::LD_B_ABS, op::LD_W_IND, op::LD_H_IND, op::LD_B_IND, op::LD_IMM, op::LD_LEN];
    let others = [op::LDX_IMM, op::LDX_LEN, op::LDX_MSH, op::TAX, op::TXA];
    let calculates = code & !(op::OPERATION | op::X) == op::ALU && code & op::OPERATION <= op::XOR;
    loads.contains(&code) || others.contains(&code) || calculates
}

/// Instruction codes (`linux/bpf_common.h`, `linux/filter.h`).
pub(crate) mod op {
    pub(crate) const LD_W_ABS: u16 = 0x20;
    pub(crate) const LD_H_ABS: u16 = 0x28;
    pub(crate) const LD_B_ABS: u16 = 0x30;
    pub(crate) const LD_W_IND: u16 = 0x40;
    pub(crate) const LD_H_IND: u16 = 0x48;
    pub(crate) const LD_B_IND: u16 = 0x50;
    pub(crate) const LD_IMM: u16 = 0x00;
    pub(crate) const LD_LEN: u16 = 0x80;
    pub(crate) const LD_MEM: u16 = 0x60;
    pub(crate) const LDX_IMM: u16 = 0x01;
    pub(crate) const LDX_LEN: u16 = 0x81;
    pub(crate) const LDX_MEM: u16 = 0x61;
    pub(crate) const LDX_MSH: u16 = 0xb1;
    pub(crate) const ST: u16 = 0x02;
    pub(crate) const STX: u16 = 0x03;
    pub(crate) const TAX: u16 = 0x07;
    pub(crate) const TXA: u16 = 0x87;
    pub(crate) const RET_K: u16 = 0x06;
    pub(crate) const RET_A: u16 = 0x16;

    /// The bits that say what kind of instruction it is.
    pub(crate) const CLASS: u16 = 0x07;
    /// The bits that say which calculation or comparison.
    pub(crate) const OPERATION: u16 = 0xf0;
    /// The operand is the index register, not the constant.
    pub(crate) const X: u16 = 0x08;

    pub(crate) const JMP: u16 = 0x05;
    pub(crate) const JA: u16 = JMP;
    pub(crate) const JEQ: u16 = 0x10;
    pub(crate) const JGT: u16 = 0x20;
    pub(crate) const JGE: u16 = 0x30;
    pub(crate) const JSET: u16 = 0x40;

    pub(crate) const ALU: u16 = 0x04;
    pub(crate) const ADD: u16 = 0x00;
    pub(crate) const SUB: u16 = 0x10;
    pub(crate) const MUL: u16 = 0x20;
    pub(crate) const DIV: u16 = 0x30;
    pub(crate) const OR: u16 = 0x40;
    pub(crate) const AND: u16 = 0x50;
    pub(crate) const LSH: u16 = 0x60;
    pub(crate) const RSH: u16 = 0x70;
    pub(crate) const NEG: u16 = 0x80;
    pub(crate) const MOD: u16 = 0x90;
    pub(crate) const XOR: u16 = 0xa0;
    pub(crate) const DIV_K: u16 = ALU | DIV;
    pub(crate) const MOD_K: u16 = ALU | MOD;
}
