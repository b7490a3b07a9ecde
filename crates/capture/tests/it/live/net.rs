//! Two network namespaces joined by pairs of interfaces, and raw frames to send between them.
#![allow(unsafe_code, reason = "namespaces and packet sockets have no safe interface")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::fs::File;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use weir_testkit::wait_until;

/// Two namespaces; the n-th pair of interfaces is `a<n>` in the first and `b<n>` in the second. Removed with everything in them when dropped.
pub(crate) struct Net {
    names: [String; 2],
}

impl Net {
    /// Makes namespaces that are silent: no addresses, no IPv6. None, and a line that says so, where that is not permitted.
    pub(crate) fn with_pairs(pairs: usize) -> Option<Net> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let names = ["a", "b"].map(|end| format!("weir-{}-{number}{end}", process::id()));
        if !ip(&format!("netns add {}", names[0])) {
            println!("skipped: needs root, CAP_NET_ADMIN and the program `ip`");
            return None;
        }
        let net = Net { names };
        let [a, b] = &net.names;
        assert!(ip(&format!("netns add {b}")));
        for name in &net.names {
            in_namespace(name, || {
                let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
                let _ = std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
            });
            assert!(ip(&format!("-n {name} link set lo up")));
        }
        for pair in 0..pairs {
            assert!(ip(&format!("link add a{pair} netns {a} type veth peer name b{pair} netns {b}")));
            assert!(ip(&format!("-n {a} link set a{pair} up")));
            assert!(ip(&format!("-n {b} link set b{pair} up")));
        }
        net.wait_up();
        Some(net)
    }

    /// Waits until no interface is without carrier any more: the kernel throws away what is sent before, and says nothing.
    pub(crate) fn wait_up(&self) {
        let is_down = |end| {
            self.ip_says(end, "link show type veth").lines().any(|line| line.contains("state ") && !line.contains("state UP"))
        };
        wait_until("the interfaces are up", || !is_down(0) && !is_down(1));
    }

    /// Runs `ip` in the first or second namespace.
    pub(crate) fn ip(&self, end: usize, arguments: &str) {
        assert!(ip(&format!("-n {} {arguments}", self.names[end])), "ip {arguments}");
    }

    /// What `ip` prints in the first or second namespace.
    pub(crate) fn ip_says(&self, end: usize, arguments: &str) -> String {
        let output = Command::new("ip").args(["-n", &self.names[end]]).args(arguments.split(' ')).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a function on a thread of the first or second namespace.
    pub(crate) fn within<T: Send>(&self, end: usize, run: impl FnOnce() -> T + Send) -> T {
        in_namespace(&self.names[end], run)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split(' ')).output().is_ok_and(|output| output.status.success())
}

fn in_namespace<T: Send>(name: &str, run: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/run/netns/{name}")).unwrap();
    let inside = || {
        // SAFETY: changes the namespace of this thread alone, which ends with this function.
        assert_eq!(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
        run()
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs a function on a thread without any privilege.
pub(crate) fn without_privilege<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        // SAFETY: the call as such, unlike the C library's function of this name, changes this thread alone, which ends here.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, 65_534, 65_534, 65_534) }, 0);
        run()
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap()
}

/// An interface whose packets have no link header; what is written to the file arrives on it. None, and a line that says
/// so, where the kernel has no such interfaces.
pub(crate) fn tunnel(name: &str) -> Option<File> {
    let Ok(file) = File::options().read(true).write(true).open("/dev/net/tun") else {
        println!("skipped: needs /dev/net/tun");
        return None;
    };
    // SAFETY: zeros are a valid request.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_name.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from as libc::c_char);
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    // SAFETY: the request outlives the call.
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) }, 0);
    Some(file)
}

/// A socket that sends frames as they are.
pub(crate) struct RawSender {
    fd: OwnedFd,
}

impl RawSender {
    /// Opens it on an interface of the thread's namespace.
    pub(crate) fn open(interface: &str) -> RawSender {
        let index = weir_capture::interfaces().unwrap().into_iter().find(|known| known.name == interface).unwrap().index;
        // SAFETY: takes numbers only.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        assert!(fd >= 0);
        // SAFETY: the descriptor is open and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: zeros are a valid address of this kind.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index as i32;
        let length = size_of_val(&address) as u32;
        // SAFETY: the address is of the length that is told.
        assert_eq!(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) }, 0);
        RawSender { fd }
    }

    /// Sends frames, all of them, in the fewest calls.
    pub(crate) fn send(&self, frames: &[Vec<u8>]) {
        let mut parts: Vec<libc::iovec> =
            frames.iter().map(|frame| libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() }).collect();
        let header = |part: &mut libc::iovec| {
            // SAFETY: zeros are a message header without an address.
            let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        };
        let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(header).collect();
        let mut sent = 0;
        while sent < messages.len() {
            let rest = &mut messages[sent..];
            // SAFETY: every header points to one part, and every part to a frame that outlives the call.
            let count = unsafe { libc::sendmmsg(self.fd.as_raw_fd(), rest.as_mut_ptr(), rest.len().min(1024) as u32, 0) };
            assert!(count > 0, "{}", std::io::Error::last_os_error());
            sent += count as usize;
        }
    }
}
