use crate::place::Place;
use anyhow::Result;
use seaworthy_cache::conformance::Fault;
use seaworthy_tests::{Behaviour, NoStage};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Longer than any operation may take.
const FOR_EVER: Duration = Duration::from_secs(25);

/// An adapter with a service of its kind.
pub(crate) struct Store {
    /// Begins the names of its trials.
    pub(crate) name: &'static str,
    /// Starts the service, or says why there is none here.
    pub(crate) start: fn() -> Result<Running, NoStage>,
}

/// A store that runs.
pub(crate) struct Running {
    pub(crate) place: Place,
    pub(crate) through: Option<Through>,
    pub(crate) known: Option<(String, Vec<u8>)>,
    pub(crate) listed: Option<u32>,
    pub(crate) faults: BTreeMap<Fault, Breakage>,
    /// Cases in which the server itself is known to go wrong, and how.
    pub(crate) deviations: BTreeMap<&'static str, &'static str>,
}

/// How a relay is put before the server.
pub(crate) struct Through {
    pub(crate) server: SocketAddr,
    pub(crate) http: bool,
    /// The place with the server at that address.
    pub(crate) place: Box<dyn Fn(SocketAddr) -> Result<Place> + Send + Sync>,
}

/// Something done to a store, given the key of the sample.
pub(crate) type Deed = Box<dyn Fn(&str) -> Result<()> + Send + Sync>;

/// How a fault is brought about.
pub(crate) enum Breakage {
    /// The store cannot have it, because of this.
    Cannot(&'static str),
    /// Another place has it from the start.
    At(Place),
    /// A relay before the server behaves like this.
    Relay(Behaviour),
    /// This is done to the store after the sample was stored under the key that it is given.
    Done(Deed),
    /// Another place, in which the sample is stored first and then has the fault.
    Within(Place),
}

impl Running {
    /// A store that is well, at this place. That it is denied what its adapter needs is
    /// said already.
    pub(crate) fn new(place: Place) -> Self {
        let faults = BTreeMap::from([(Fault::Denied, Breakage::At(place.without_grants()))]);
        Self { place, through: None, known: None, listed: None, faults, deviations: BTreeMap::new() }
    }

    /// What a store behind HTTP/1.1 without TLS can suffer on the way.
    pub(crate) fn through_http(
        self,
        server: SocketAddr,
        place: impl Fn(SocketAddr) -> Result<Place> + Send + Sync + 'static,
    ) -> Self {
        let mut running = self.through_tcp(server, place);
        if let Some(through) = &mut running.through {
            through.http = true;
        }
        running
            .with(Fault::Flipped, Breakage::Relay(Behaviour::Flip))
            .with(Fault::Truncated, Breakage::Relay(Behaviour::Truncate))
            .with(Fault::Skewed, Breakage::Relay(Behaviour::Skew(3600)))
            .with(Fault::RateLimited, Breakage::Relay(Behaviour::RateLimit(Fault::PATIENCE.as_secs())))
    }

    /// What a store behind any other protocol over TCP can suffer on the way.
    pub(crate) fn through_tcp(
        mut self,
        server: SocketAddr,
        place: impl Fn(SocketAddr) -> Result<Place> + Send + Sync + 'static,
    ) -> Self {
        self.through = Some(Through { server, http: false, place: Box::new(place) });
        self.with(Fault::Down, Breakage::Relay(Behaviour::Refuse))
            .with(Fault::Slow, Breakage::Relay(Behaviour::Delay(FOR_EVER)))
            .with(Fault::Cut, Breakage::Relay(Behaviour::Cut))
    }

    /// How a fault is brought about here; over what was said before.
    pub(crate) fn with(mut self, fault: Fault, breakage: Breakage) -> Self {
        self.faults.insert(fault, breakage);
        self
    }

    /// Why these faults cannot be here.
    pub(crate) fn without(self, faults: &[Fault], why: &'static str) -> Self {
        faults.iter().fold(self, |running, fault| running.with(*fault, Breakage::Cannot(why)))
    }

    /// A case that the server itself, and not the adapter, gets wrong, with how it does. It
    /// is no trial, and is named at the end.
    pub(crate) fn deviating(mut self, case: &'static str, how: &'static str) -> Self {
        self.deviations.insert(case, how);
        self
    }

    /// A value that is there, for a store that only reads.
    pub(crate) fn knowing(mut self, key: &str, value: &[u8]) -> Self {
        self.known = Some((key.into(), value.into()));
        self
    }

    /// How many keys a list has to name: more than a page of the service.
    #[expect(dead_code, reason = "for the stores that list by pages")]
    pub(crate) fn listing(mut self, keys: u32) -> Self {
        self.listed = Some(keys);
        self
    }
}
