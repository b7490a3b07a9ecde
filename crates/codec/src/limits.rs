//! What a stranger can make us keep, and how much of it.

/// Limits of a decoder. Each has a count or a fault that tells when it was met.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Exporters and observation domains with state of their own; beyond it the one silent for longest is forgotten.
    pub sessions: usize,
    /// Source ports of one exporter and domain; beyond it the one silent for longest is forgotten.
    pub ports: usize,
    /// Templates of one session; beyond it the one announced longest ago is forgotten.
    pub templates: usize,
    /// Fields of a template; a wider one is refused.
    pub fields: usize,
    /// Octets of templates of one session, about; beyond it those announced longest ago are forgotten.
    pub state_session: usize,
    /// Octets of templates and names of all sessions, about; beyond it exporters that are silent for longest are forgotten.
    pub state_total: usize,
    /// Octets of data that wait for templates, of one session.
    pub pending_session: usize,
    /// Octets of data that wait for templates, in all.
    pub pending_total: usize,
    /// How long data waits for its template, nanoseconds.
    pub pending_time: i64,
    /// Interfaces, samplers, applications and routing instances that options data of one session names, of each; further ones are
    /// not kept.
    pub named: usize,
}

/// Octets of a name from options data that are kept.
pub(crate) const NAME_OCTETS: usize = 255;

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 16_384,
            ports: 16,
            templates: 4_096,
            fields: 1_024,
            state_session: 32 << 20,
            state_total: 512 << 20,
            pending_session: 1 << 20,
            pending_total: 64 << 20,
            pending_time: 30 * 60 * 1_000_000_000,
            named: 16_384,
        }
    }
}
