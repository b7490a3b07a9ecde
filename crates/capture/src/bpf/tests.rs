use super::{Bpf, BpfError, Instruction, MAX_BPF_TEXT, op, run};

fn with(code: u16, k: u32) -> Instruction {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code, jump_true, jump_false, k }
}

/// What the program says of a frame of the octets 0, 1, 2 ... 63, whose length on the wire was 1,000.
fn outcome(program: &[Instruction]) -> Option<u32> {
    let data: Vec<u8> = (0..64).collect();
    let bpf = Bpf::checked(program.to_vec()).unwrap();
    run(&bpf.program, &data, 1_000)
}

/// The accumulator after the instructions.
fn accumulator(instructions: &[Instruction]) -> Option<u32> {
    outcome(&[instructions, &[with(op::RET_A, 0)]].concat())
}

#[test]
fn loads() {
    assert_eq!(accumulator(&[with(op::LD_W_ABS, 60)]), Some(0x3c3d_3e3f));
    assert_eq!(accumulator(&[with(op::LD_W_ABS, 61)]), None);
    assert_eq!(accumulator(&[with(op::LD_H_ABS, 62)]), Some(0x3e3f));
    assert_eq!(accumulator(&[with(op::LD_B_ABS, 63)]), Some(0x3f));
    assert_eq!(accumulator(&[with(op::LD_B_ABS, 64)]), None);
    assert_eq!(accumulator(&[with(op::LD_B_ABS, u32::MAX)]), None);
    assert_eq!(accumulator(&[with(op::LDX_IMM, 4), with(op::LD_W_IND, 8)]), Some(0x0c0d_0e0f));
    assert_eq!(accumulator(&[with(op::LDX_IMM, 4), with(op::LD_B_IND, u32::MAX)]), None);
    assert_eq!(accumulator(&[with(op::LD_LEN, 0)]), Some(1_000));
    // Four times the lower half of octet 37.
    assert_eq!(accumulator(&[with(op::LDX_MSH, 37), with(op::TXA, 0)]), Some(20));
}

#[test]
fn calculations_wrap() {
    let calculate =
        |operation: u16, a: u32, operand: u32| accumulator(&[with(op::LD_IMM, a), with(op::ALU | operation, operand)]);
    let by_x = |operation: u16, a: u32, x: u32| {
        accumulator(&[with(op::LD_IMM, a), with(op::LDX_IMM, x), with(op::ALU | operation | op::X, 0)])
    };
    for (operation, a, operand, result) in [
        (op::ADD, u32::MAX, 2, 1),
        (op::SUB, 1, 2, u32::MAX),
        (op::MUL, 0x8000_0001, 2, 2),
        (op::DIV, 7, 2, 3),
        (op::MOD, 7, 4, 3),
        (op::OR, 5, 2, 7),
        (op::AND, 6, 3, 2),
        (op::XOR, 6, 3, 5),
        (op::LSH, 1, 31, 0x8000_0000),
        (op::RSH, 0x8000_0000, 31, 1),
        (op::RSH, 1, 32, 0),
    ] {
        assert_eq!((calculate(operation, a, operand), by_x(operation, a, operand)), (Some(result), Some(result)));
    }
    assert_eq!(calculate(op::NEG, 1, 0), Some(u32::MAX));
    assert_eq!((by_x(op::DIV, 1, 0), by_x(op::MOD, 1, 0)), (None, None));
}

#[test]
fn jumps_and_memory() {
    let chooses = |code: u16, k: u32| {
        outcome(&[with(op::LD_IMM, 5), jump(op::JMP | code, k, 0, 1), with(op::RET_K, 1), with(op::RET_K, 2)]).unwrap()
    };
    assert_eq!([chooses(op::JEQ, 5), chooses(op::JEQ, 6), chooses(op::JGT, 4), chooses(op::JGT, 5)], [1, 2, 1, 2]);
    assert_eq!([chooses(op::JGE, 5), chooses(op::JGE, 6), chooses(op::JSET, 4), chooses(op::JSET, 2)], [1, 2, 1, 2]);
    assert_eq!(outcome(&[with(op::JA, 1), with(op::RET_K, 1), with(op::RET_K, 2)]), Some(2));
    let stored = [with(op::LD_IMM, 9), with(op::ST, 15), with(op::LDX_MEM, 15), with(op::STX, 0), with(op::LD_MEM, 0)];
    assert_eq!(accumulator(&stored), Some(9));
}

#[test]
fn programs_that_leave_themselves_are_refused() {
    let refused_at = |program: &[Instruction]| match Bpf::checked(program.to_vec()) {
        Err(BpfError::BadProgram { at }) => Some(at),
        _ => None,
    };
    let end = with(op::RET_K, 1);
    assert_eq!(refused_at(&[]), Some(0));
    assert_eq!(refused_at(&[end]), None);
    assert_eq!(refused_at(&[with(op::LD_LEN, 0)]), Some(0), "runs out of the program");
    assert_eq!(refused_at(&[with(op::JA, 0), end]), None);
    assert_eq!(refused_at(&[with(op::JA, 1), end]), Some(0));
    assert_eq!(refused_at(&[with(op::JA, u32::MAX), end]), Some(0));
    assert_eq!(refused_at(&[jump(op::JMP | op::JEQ, 0, 1, 0), end]), Some(0));
    assert_eq!(refused_at(&[jump(op::JMP | op::JEQ, 0, 0, 1), end]), Some(0));
    assert_eq!(refused_at(&[with(op::ST, 16), end]), Some(0));
    assert_eq!(refused_at(&[with(op::LD_MEM, 15), end]), None);
    assert_eq!(refused_at(&[with(op::DIV_K, 0), end]), Some(0));
    for code in 0..=u16::MAX {
        let program = [with(code, 1), end, end];
        if let Ok(bpf) = Bpf::checked(program.to_vec()) {
            // Whatever is taken can be run, to an end.
            run(&bpf.program, &[0; 8], 8);
        }
    }
}

#[test]
fn texts_that_are_no_filters_are_refused() {
    if matches!(Bpf::compile("", 1), Err(BpfError::NoCompiler { .. })) {
        println!("skipped: needs libpcap");
        return;
    }
    let refusal = |text: &str| Bpf::compile(text, 1).unwrap_err().to_string();
    assert!(refusal("tcp prot 80").contains("syntax error"));
    assert!(refusal("udp\0").contains("zero octet"));
    assert_eq!(refusal(&" ".repeat(MAX_BPF_TEXT + 1)), "BPF filter of 65537 bytes, the limit is 65536");
    assert!(refusal(&"(".repeat(MAX_BPF_TEXT)).starts_with("BPF filter `"), "deep, but not too deep for us");
}

#[test]
fn link_types_differ() {
    let (Ok(raw), Ok(all)) = (Bpf::compile("udp port 53", 101), Bpf::compile("", 1)) else {
        println!("skipped: needs libpcap");
        return;
    };
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0x30, 0, 0, 53, 0, 8, 0, 0];
    assert!(raw.matches(&packet, 28) && all.matches(&packet, 28) && all.matches(&[], 0));
    assert!(!raw.matches(&packet[..23], 28), "cut before the port");
    packet[23] = 54;
    assert!(!raw.matches(&packet, 28));
    // A file's loopback frames may come from any BSD, each with a number of its own for IPv6.
    let loopback = Bpf::compile("ip6", 0).unwrap();
    assert_eq!([2_u32, 24, 28, 30].map(|family| loopback.matches(&family.to_ne_bytes(), 44)), [false, true, true, true]);
}
