//! Which worker a frame goes to: a program that the kernel runs for each frame of a fanout group (PACKET_FANOUT_CBPF).
//!
//! Both directions of a connection have to reach the same worker, even when they come on two interfaces. So the program is the same
//! everywhere and symmetric: addresses are added up by XOR, ports by addition. Ports count only for TCP. Datagrams of UDP may be
//! fragmented, and only their first fragment has ports; the two directions of a VXLAN tunnel have different ones. The kernel's own
//! symmetric hash (PACKET_FANOUT_HASH) takes the ports of whole UDP datagrams and so parts them from fragments of the same flow.
//!
//! Fragments of TCP, which hardly exist, meet each other but not the rest of their connection. Up to two VLAN tags are stepped over.
//! What is not IP goes to the first worker.

use crate::bpf::{Instruction, op};

/// `SKF_AD_OFF`: loads from here on give facts about the packet instead of its octets.
const FACTS: u32 = libc::SKF_AD_OFF as u32;
const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_VLAN: u32 = 0x8100;
const ETHERTYPE_SERVICE_VLAN: u32 = 0x88a8;
const TCP: u32 = 6;
/// More fragments follow, or this is not the first one.
const FRAGMENT: u32 = 0x3fff;
/// Two to the power of 32 divided by the golden ratio: spreads what differs in few bits (Knuth, TAOCP 3, 6.4).
const SPREAD: u32 = 0x9e37_79b1;

/// Cells of the scratch memory: where the IP header begins, the sum so far, anything.
const NETWORK: u32 = 0;
const SUM: u32 = 1;
const SCRATCH: u32 = 2;

/// The program for an interface whose frames have a link header of so many octets.
///
/// The kernel shows received frames from their network header on and sent ones from their link header on.
pub(super) fn program(link_header: u32) -> Vec<Instruction> {
    let ipv4 = [addresses(&[12, 16]), tcp_ports_of_ipv4(), finish()].concat();
    let ipv6 = [addresses(&[8, 12, 16, 20, 24, 28, 32, 36]), tcp_ports_of_ipv6(), finish()].concat();
    [
        network_header(link_header),
        vlan_tag(),
        vlan_tag(),
        vec![store_x(NETWORK), jump(op::JEQ, ETHERTYPE_IPV4, 0, ipv4.len())],
        ipv4,
        vec![jump(op::JEQ, ETHERTYPE_IPV6, 0, ipv6.len())],
        ipv6,
        vec![with(op::RET_K, 0)],
    ]
    .concat()
}

/// X: where the network header begins; A: the EtherType.
fn network_header(link_header: u32) -> Vec<Instruction> {
    let outgoing = u32::from(libc::PACKET_OUTGOING);
    vec![
        with(op::LDX_IMM, link_header),
        with(op::LD_W_ABS, FACTS + libc::SKF_AD_PKTTYPE as u32),
        jump(op::JEQ, outgoing, 1, 0),
        with(op::LDX_IMM, 0),
        with(op::LD_W_ABS, FACTS + libc::SKF_AD_PROTOCOL as u32),
    ]
}

/// Steps over a tag that the kernel left in the frame: its number, then the EtherType of what follows.
fn vlan_tag() -> Vec<Instruction> {
    let step = vec![
        with(op::LD_H_IND, 2),
        with(op::ST, SCRATCH),
        with(op::TXA, 0),
        with(op::ALU | op::ADD, 4),
        with(op::TAX, 0),
        with(op::LD_MEM, SCRATCH),
    ];
    let is_tag = vec![jump(op::JEQ, ETHERTYPE_VLAN, 1, 0), jump(op::JEQ, ETHERTYPE_SERVICE_VLAN, 0, step.len())];
    [is_tag, step].concat()
}

/// Starts the sum with the words of both addresses.
fn addresses(words: &[u32]) -> Vec<Instruction> {
    let start = vec![with(op::LD_IMM, 0), with(op::ST, SUM)];
    words.iter().fold(start, |program, &at| {
        let word = vec![with(op::LD_W_IND, at)];
        [program, word, add_to_sum(), vec![with(op::LDX_MEM, NETWORK)]].concat()
    })
}

fn tcp_ports_of_ipv4() -> Vec<Instruction> {
    let transport_header = vec![
        with(op::LD_B_IND, 0),
        with(op::ALU | op::AND, 0x0f),
        with(op::ALU | op::LSH, 2),
        with(op::ALU | op::ADD | op::X, 0),
        with(op::TAX, 0),
    ];
    let ports = [transport_header, ports()].concat();
    let is_whole = vec![with(op::LD_H_IND, 6), jump(op::JSET, FRAGMENT, ports.len(), 0)];
    let is_tcp = vec![with(op::LD_B_IND, 9), jump(op::JEQ, TCP, 0, is_whole.len() + ports.len())];
    [is_tcp, is_whole, ports].concat()
}

fn tcp_ports_of_ipv6() -> Vec<Instruction> {
    let transport_header = vec![with(op::TXA, 0), with(op::ALU | op::ADD, 40), with(op::TAX, 0)];
    let ports = [transport_header, ports()].concat();
    let is_tcp = vec![with(op::LD_B_IND, 6), jump(op::JEQ, TCP, 0, ports.len())];
    [is_tcp, ports].concat()
}

/// Adds the ports of the transport header at X, spread so that they do not cancel bits of the addresses.
fn ports() -> Vec<Instruction> {
    let both = vec![
        with(op::LD_H_IND, 0),
        with(op::ST, SCRATCH),
        with(op::LD_H_IND, 2),
        with(op::LDX_MEM, SCRATCH),
        with(op::ALU | op::ADD | op::X, 0),
        with(op::ALU | op::MUL, SPREAD),
    ];
    [both, add_to_sum()].concat()
}

/// The sum, spread over its low bits, of which the kernel takes the remainder by the number of workers.
fn finish() -> Vec<Instruction> {
    vec![
        with(op::LD_MEM, SUM),
        with(op::ALU | op::MUL, SPREAD),
        with(op::TAX, 0),
        with(op::ALU | op::RSH, 16),
        with(op::ALU | op::XOR | op::X, 0),
        with(op::RET_A, 0),
    ]
}

/// Adds A to the sum by XOR; changes X.
fn add_to_sum() -> Vec<Instruction> {
    vec![with(op::LDX_MEM, SUM), with(op::ALU | op::XOR | op::X, 0), with(op::ST, SUM)]
}

fn store_x(cell: u32) -> Instruction {
    with(op::STX, cell)
}

fn with(code: u16, k: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, k }
}

fn jump(operation: u16, k: u32, if_true: usize, if_false: usize) -> Instruction {
    // The longest part that is jumped over has less than a hundred instructions.
    let [jump_true, jump_false] = [if_true, if_false].map(|skipped| u8::try_from(skipped).unwrap_or(u8::MAX));
    Instruction { code: op::JMP | operation, jump_true, jump_false, k }
}
