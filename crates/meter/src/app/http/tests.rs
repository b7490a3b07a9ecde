use weir_record::Column;
use weir_testkit::Rng;

use super::super::tests::Talk;
use super::super::tls::tests as tls;
use crate::packet::Direction::{ToClient, ToServer};

const GET: &[u8] = b"GET /a/b?user=x HTTP/1.1\r\nHost: www.example\r\nUser-Agent: curl/8\r\nX-Forwarded-For: unknown, 192.0.2.7, 10.0.0.1\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc";

/// Host, method, path, agent, type.
fn texts(talk: &Talk) -> [Option<&str>; 5] {
    use Column::{http_content_type, http_host, http_method, http_path, http_user_agent};
    [http_host, http_method, http_path, http_user_agent, http_content_type].map(|column| talk.text(column))
}

fn status_and_count(talk: &Talk) -> (Option<u64>, Option<u64>) {
    (talk.number(Column::http_status), talk.number(Column::http_count))
}

fn client_addr(talk: &Talk) -> Option<String> {
    let mut found = None;
    talk.app.facts.each(ToServer, |column, value, _| {
        if let (Column::client_addr, crate::facts::Value::Address(address)) = (column, value) {
            found = Some(address.to_string());
        }
    });
    found
}

#[test]
fn the_first_request_and_its_answer_are_kept_and_all_are_counted() {
    let second = b"POST /other HTTP/1.1\r\nHost: other.example\r\nContent-Length: 24\r\n\r\nGET /not HTTP/1.1\r\n\r\n";
    let slowly =
        Talk::stream(8080).client_slowly(GET).server_slowly(OK).client_slowly(second).client_slowly(b"123").client_slowly(GET);
    for talk in [Talk::stream(8080).client(GET).server(OK).client(second).client(b"123").client(GET), slowly] {
        assert_eq!(talk.app.name(), Some("http"));
        assert_eq!(texts(&talk), [Some("www.example"), Some("GET"), Some("/a/b"), Some("curl/8"), Some("text/html")]);
        assert_eq!(status_and_count(&talk), (Some(200), Some(3)));
        assert_eq!(talk.text(Column::http_forwarded_for), Some("unknown, 192.0.2.7, 10.0.0.1"));
        assert_eq!(client_addr(&talk).as_deref(), Some("192.0.2.7"));
        // Nothing of the answers is wanted behind the first.
        assert!(talk.app.wants(ToServer) && !talk.app.wants(ToClient));
    }
}

#[test]
fn queries_are_kept_when_asked_for() {
    assert_eq!(Talk::stream(80).keep_all().client(GET).text(Column::http_path), Some("/a/b?user=x"));
}

#[test]
fn pipelined_requests_and_chunked_bodies_are_counted() {
    let chunked = b"POST /c HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4;x=y\r\nGET \r\n15\r\nGET / HTTP/1.1\r\n\r\n...\r\n0\r\nTrailer: GET\r\n\r\n";
    let all = [GET, chunked, b"\r\n", GET].concat();
    assert_eq!(status_and_count(&Talk::stream(80).client(&all)), (None, Some(3)));
    assert_eq!(status_and_count(&Talk::stream(80).client_slowly(&all)), (None, Some(3)));
}

#[test]
fn the_status_is_that_of_the_final_answer() {
    let talk = Talk::stream(80)
        .client(GET)
        .server(b"HTTP/1.1 100 Continue\r\n\r\n")
        .server(b"HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\n");
    let talk = talk.server(b"\r\n").server(OK);
    assert_eq!((talk.number(Column::http_status), talk.text(Column::http_content_type)), (Some(404), Some("a/b")));
}

#[test]
fn what_was_asked_before_the_capture_gives_way() {
    let talk = Talk::stream(80).server(OK);
    assert_eq!((talk.app.name(), status_and_count(&talk)), (Some("http"), (Some(200), None)));
    let talk = talk.client(GET).server(b"HTTP/1.0 304 Not Modified\r\n\r\n");
    assert_eq!(status_and_count(&talk), (Some(304), Some(1)));
    assert!(!talk.app.wants(ToClient));
}

#[test]
fn an_absolute_target_names_the_host() {
    let talk = Talk::stream(3128).client(b"GET http://me:secret@far.example:81/x?y HTTP/1.1\r\nHost: near.example\r\n\r\n");
    assert_eq!(texts(&talk), [Some("far.example:81"), Some("GET"), Some("/x"), None, None]);
}

#[test]
fn nothing_is_read_behind_an_upgrade() {
    let talk = Talk::stream(80)
        .client(b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        .server(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05");
    assert_eq!((talk.app.name(), status_and_count(&talk)), (Some("http"), (Some(101), Some(1))));
    assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
}

#[test]
fn a_tunnel_is_recognised_anew_and_stays_http() {
    let connect = b"CONNECT in.example:443 HTTP/1.1\r\nHost: in.example:443\r\n\r\n";
    let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno";
    let talk = Talk::stream(3128).client(connect).server(refused).client(connect).server(b"HTTP/1.1 200 OK\r\n\r\n");
    let talk = talk.client(&[0xfe; 2000]).server(&[0xfe; 2000]);
    assert_eq!((talk.app.name(), status_and_count(&talk)), (Some("http"), (Some(407), Some(2))));
    assert_eq!(texts(&talk)[..2], [Some("in.example:443"), Some("CONNECT")]);
    assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
}

#[test]
fn counting_goes_on_behind_what_is_missing() {
    // The head is cut, as is the answer's, and so is the next request's line.
    let talk = Talk::stream(80).client_cut(b"GET /a HTTP/1.1\r\nHost: a.example\r\nCookie: x", 500);
    let talk =
        talk.server_cut(b"HTTP/1.1 301 Moved\r\nLoc", 900).client_cut(b"GET /lo", 400).client(b"rest of it\r\n\r\n").client(GET);
    assert_eq!((talk.text(Column::http_host), status_and_count(&talk)), (Some("a.example"), (Some(301), Some(3))));
    assert!(!talk.app.wants(ToClient));
}

#[test]
fn a_line_without_end_holds_little() {
    let mut talk = Talk::stream(80).client(b"GET /");
    for _ in 0..100 {
        talk = talk.client(&[b'a'; 1000]);
        assert!(talk.app.held() <= 32 << 10);
    }
    let talk = talk.client(b" HTTP/1.1\r\nHost: a.example\r\nCookie: ").client(&[b'b'; 30_000]).client(b"\r\n\r\n").client(GET);
    assert_eq!((talk.text(Column::http_host), talk.number(Column::http_count)), (Some("a.example"), Some(2)));
}

#[test]
fn others_are_not_taken_for_http() {
    let starts: [&[u8]; 7] = [
        b"OPTIONS rtsp://a/b RTSP/1.0\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
        b"GET key\r\n",
        b"GET /\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"EHLO /x\r\n",
        b"HTTP/2 200\r\n",
    ];
    for start in starts {
        assert_ne!(Talk::stream(4711).client(start).app.name(), Some("http"), "{start:?}");
        assert_ne!(Talk::stream(4711).client_slowly(start).app.name(), Some("http"), "{start:?}");
    }
}

#[test]
fn http_2_with_prior_knowledge_is_known_by_name() {
    let talk = Talk::stream(4711).client_slowly(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0");
    assert_eq!(talk.app.name(), Some("http"));
    assert!(!talk.app.wants(ToServer));
}

#[test]
fn the_proxy_header_tells_the_client_and_the_stream_is_read_behind_it() {
    let version_2 =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f".as_slice(), &[192, 0, 2, 9, 10, 0, 0, 1, 0, 80, 0, 80, 4, 0, 0]].concat();
    for header in [b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 80\r\n".as_slice(), &version_2] {
        let all = [header, GET].concat();
        for talk in [Talk::stream(4711).client(&all), Talk::stream(4711).client_slowly(&all)] {
            assert_eq!(talk.app.name(), Some("http"));
            assert_eq!(client_addr(&talk).as_deref(), Some("192.0.2.9"));
            assert_eq!((talk.text(Column::http_host), talk.number(Column::http_other_clients)), (Some("www.example"), Some(1)));
        }
    }
    let unknown = Talk::stream(4711).client(b"PROXY UNKNOWN\r\n").client(GET);
    assert_eq!((client_addr(&unknown).as_deref(), unknown.number(Column::http_count)), (Some("192.0.2.7"), Some(1)));
}

#[test]
fn tls_is_read_behind_the_proxy_header() {
    let hello = tls::record(22, &tls::browser_hello());
    let version_2 = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[192, 0, 2, 9, 10, 0, 0, 1, 0, 80, 1, 187]].concat();
    for header in [b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 443\r\n".as_slice(), &version_2] {
        let all = [header, &hello].concat();
        let in_one = Talk::stream(4711).client(&all);
        for talk in [in_one, Talk::stream(4711).client(header).client(&hello), Talk::stream(4711).client_slowly(&all)] {
            assert_eq!((talk.app.name(), talk.text(Column::tls_sni)), (Some("tls"), Some("www.example.org")));
            assert_eq!(client_addr(&talk).as_deref(), Some("192.0.2.9"));
        }
    }
}

#[test]
fn of_several_proxy_headers_the_first_counts() {
    // The second may be what the client itself sent.
    let talk = Talk::stream(80)
        .client(b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 80\r\nPROXY TCP4 198.51.100.1 10.0.0.1 4000 80\r\n")
        .client(b"GET / HTTP/1.1\r\nX-Forwarded-For: 198.51.100.2\r\n\r\n");
    assert_eq!((talk.app.name(), client_addr(&talk).as_deref()), (Some("http"), Some("192.0.2.9")));
    assert_eq!(talk.text(Column::http_forwarded_for), Some("198.51.100.2"));
    assert_eq!(talk.number(Column::http_other_clients), Some(1));
}

#[test]
fn a_faulty_proxy_header_tells_nothing() {
    let talk = Talk::stream(80).client(b"PROXY TCP4 192.0.2.9 10.0.0.1 4000\r\n").client(GET);
    assert_eq!((talk.app.name(), client_addr(&talk)), (None, None));
    let mut talk = Talk::stream(80);
    for _ in 0..10_000 {
        talk = talk.client(b"PROXY UNKNOWN\r\n");
        assert!(talk.app.held() < 1 << 10);
    }
    assert_eq!(client_addr(&talk.client(GET)).as_deref(), Some("192.0.2.7"));
}

/// A request with these fields.
fn request(fields: &[&str]) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{}\r\n", fields.iter().map(|field| format!("{field}\r\n")).collect::<String>()).into_bytes()
}

#[test]
fn the_first_address_of_the_list_is_the_client() {
    for (fields, client, text) in [
        (&["Forwarded: for=_hidden;proto=http, For=\"[2001:db8::17]:4711\""][..], "2001:db8::17", None),
        (&["forwarded: by=203.0.113.43;for=192.0.2.60:8080"], "192.0.2.60", Some("by=203.0.113.43;for=192.0.2.60:8080")),
        (&["Forwarded: ext=\"a;for=192.0.2.1,for=192.0.2.2\";for=192.0.2.3"], "192.0.2.3", None),
        (&["X-Forwarded-For: ::ffff:192.0.2.4"], "192.0.2.4", Some("::ffff:192.0.2.4")),
        (&["X-FORWARDED-FOR:2001:db8::1,192.0.2.5"], "2001:db8::1", Some("2001:db8::1,192.0.2.5")),
        // Lines are one list; of two kinds the one that comes first is read.
        (
            &["X-Forwarded-For: me", "Host: a", "X-Forwarded-For: 192.0.2.6", "X-Forwarded-For: 192.0.2.7"],
            "192.0.2.6",
            Some("me, 192.0.2.6, 192.0.2.7"),
        ),
        (&["X-Forwarded-For: 192.0.2.8", "Forwarded: for=192.0.2.9"], "192.0.2.8", Some("192.0.2.8")),
        (&["Forwarded: for=192.0.2.9", "X-Forwarded-For: 192.0.2.8"], "192.0.2.9", Some("for=192.0.2.9")),
    ] {
        let talk = Talk::stream(80).client(&request(fields));
        assert_eq!(client_addr(&talk).as_deref(), Some(client), "{fields:?}");
        assert!(talk.text(Column::http_forwarded_for).is_some());
        if let Some(text) = text {
            assert_eq!(talk.text(Column::http_forwarded_for), Some(text));
        }
    }
    for fields in [&["X-Forwarded-For: "][..], &["X-Forwarded-For: unknown, 192.0.2.300, ,"], &["Forwarded: 192.0.2.1;for"]] {
        assert_eq!(client_addr(&Talk::stream(80).client(&request(fields))), None, "{fields:?}");
    }
}

#[test]
fn a_list_is_kept_up_to_the_longest_text() {
    let fields: Vec<_> = (0..100).map(|number| format!("X-Forwarded-For: 192.0.2.{number}, {}", "a".repeat(40))).collect();
    let talk = Talk::stream(80).client(&request(&fields.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(talk.text(Column::http_forwarded_for).map(str::len), Some(512));
    assert_eq!(client_addr(&talk).as_deref(), Some("192.0.2.0"));
}

#[test]
fn requests_of_other_clients_are_counted() {
    let of = |client: &str| request(&[&format!("X-Forwarded-For: {client}, 10.0.0.1")]);
    let talk = Talk::stream(80).client(&request(&[])).client(&of("192.0.2.1")).client(&of("192.0.2.1"));
    assert_eq!((client_addr(&talk).as_deref(), talk.number(Column::http_other_clients)), (Some("192.0.2.1"), None));
    let mut talk = talk.client(&of("192.0.2.2")).client(&of("192.0.2.1")).client(&of("192.0.2.2")).client(&request(&[]));
    assert_eq!((client_addr(&talk).as_deref(), talk.number(Column::http_other_clients)), (Some("192.0.2.1"), Some(2)));
    assert_eq!(talk.text(Column::http_forwarded_for), Some("192.0.2.1, 10.0.0.1"));
    // The next record still names the first client, and counts anew.
    talk.app.facts.begin_record();
    let talk = talk.client(&of("192.0.2.2"));
    assert_eq!((client_addr(&talk).as_deref(), talk.number(Column::http_other_clients)), (Some("192.0.2.1"), Some(1)));
}

#[test]
fn mutated_conversations_do_no_harm() {
    let mut rng = Rng::with_seed(7);
    let proxy: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24";
    let pieces: [&[u8]; 8] = [
        GET,
        OK,
        proxy,
        b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 80\r\n",
        b"GET / HTTP/1.1\r\nForwarded: for=\"[2001:db8::1]:5\";by=_a, for=192.0.2.1\r\nForwarded: for=\"\r\nX-Forwarded-For: a,::1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"CONNECT a HTTP/1.1\r\n\r\n",
        b"\r\n",
    ];
    for _ in 0..3000 {
        let mut talk = Talk::stream(80);
        for _ in 0..rng.usize(1..8) {
            let mut octets = pieces[rng.usize(..pieces.len())].to_vec();
            for _ in 0..rng.usize(..4) {
                let place = rng.usize(..octets.len());
                octets[place] = rng.u8(..);
            }
            octets.truncate(rng.usize(1..=octets.len()));
            let beyond = octets.len() + if rng.u8(..) < 40 { rng.usize(..600) } else { 0 };
            talk = if rng.bool() { talk.client_cut(&octets, beyond) } else { talk.server_cut(&octets, beyond) };
            assert!(talk.app.held() <= 64 << 10);
        }
    }
}
