//! Protocols in which a server greets, a client gives commands in lines, and the server answers in lines: mail (SMTP, POP3, IMAP) and FTP, which began
//! that. Where both agree on TLS, what comes behind is recognised anew, and the name stays. Telnet is here as what they are spoken over.

use super::lines::{Lines, begins, line, status};
use super::protocol::{Carrier, Context, Probe, Protocol};
use login::{Dialect, FTP, IMAP, Login, POP3};

mod login;
mod smtp;

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "smtp",
        carrier: Carrier::Stream,
        ports: &[25, 587],
        probe: probe_smtp,
        decoder: Some(|| Box::new(smtp::Smtp::default())),
    },
    Protocol { name: "ftp", carrier: Carrier::Stream, ports: &[21], probe: probe_ftp, decoder: Some(|| Login::boxed(&FTP)) },
    Protocol {
        name: "pop3",
        carrier: Carrier::Stream,
        ports: &[110],
        probe: |octets, context| probe_login(octets, context, &POP3, 110),
        decoder: Some(|| Login::boxed(&POP3)),
    },
    Protocol {
        name: "imap",
        carrier: Carrier::Stream,
        ports: &[143],
        probe: |octets, context| probe_login(octets, context, &IMAP, 143),
        decoder: Some(|| Login::boxed(&IMAP)),
    },
    Protocol { name: "telnet", carrier: Carrier::Stream, ports: &[23], probe: probe_telnet, decoder: None },
];

/// The answer that greets, of SMTP and FTP (RFC 5321, 4.2.3; RFC 959, 5.4).
const READY: &[u8] = b"220";

fn probe_smtp(octets: &[u8], context: &Context<'_>) -> Probe {
    let has_port = [25, 587, 2525].into_iter().any(|port| context.has_port(port));
    match octets.first() {
        Some(b'E' | b'H' | b'L' | b'e' | b'h' | b'l') => probe_start(octets, &[b"EHLO ", b"HELO ", b"LHLO "]),
        Some(b'2') => probe_ready(octets, has_port && !context.has_port(21), b"SMTP", b"FTP"),
        // No service at all, or not now.
        Some(b'4' | b'5') if has_port => match line(octets) {
            Some((line, _)) if matches!(status(line), Some(421 | 450 | 521 | 550 | 554)) => Probe::Yes,
            Some(_) => Probe::No,
            None => Probe::More,
        },
        _ => Probe::No,
    }
}

fn probe_ftp(octets: &[u8], context: &Context<'_>) -> Probe {
    let has_port = context.has_port(21);
    match octets.first() {
        Some(b'2') => probe_ready(octets, has_port, b"FTP", b"SMTP"),
        Some(b'U' | b'A') if has_port => probe_start(octets, &[b"USER ", b"AUTH TLS", b"AUTH SSL"]),
        _ => Probe::No,
    }
}

/// A server that is ready: it is the one when the port or the text says so. When neither of them says anything, the client's first command will.
fn probe_ready(octets: &[u8], has_port: bool, word: &[u8], other: &[u8]) -> Probe {
    let Some((greeting, _)) = line(octets) else {
        return if octets.starts_with(READY) || READY.starts_with(octets) { Probe::More } else { Probe::No };
    };
    let says = |word: &[u8]| greeting.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    match status(greeting) {
        Some(220) if says(word) => Probe::Yes,
        Some(220) if says(other) => Probe::No,
        Some(220) if has_port => Probe::Yes,
        Some(220) => Probe::More,
        _ => Probe::No,
    }
}

fn probe_login(octets: &[u8], context: &Context<'_>, dialect: &Dialect, port: u16) -> Probe {
    if octets.first() != dialect.greeting.first() {
        return Probe::No;
    }
    match probe_start(octets, &[dialect.greeting]) {
        Probe::Yes if context.has_port(port) => Probe::Yes,
        // The client's commands will tell.
        Probe::Yes => Probe::Likely,
        probe => probe,
    }
}

/// Whether octets begin with one of these.
fn probe_start(octets: &[u8], starts: &[&[u8]]) -> Probe {
    if starts.iter().any(|start| begins(octets, start)) {
        Probe::Yes
    } else if starts.iter().any(|start| begins(start, octets)) {
        Probe::More
    } else {
        Probe::No
    }
}

/// Options that are negotiated (RFC 854, command structure): on other ports than its own, two of them.
fn probe_telnet(octets: &[u8], context: &Context<'_>) -> Probe {
    const COMMAND: u8 = 255;
    let is_option = |octets: &[u8]| matches!(octets, [COMMAND, 251..=254, 0..=49, ..]);
    match octets {
        _ if is_option(octets) && (context.has_port(23) || octets.get(3..).is_some_and(is_option)) => Probe::Yes,
        [COMMAND] | [COMMAND, 251..=254] => Probe::More,
        _ if is_option(octets) && octets.len() < 6 => Probe::More,
        _ => Probe::No,
    }
}

#[cfg(test)]
mod tests;
