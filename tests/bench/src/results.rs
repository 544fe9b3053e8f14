//! Everything that one run measured, as it stands in `results.json`. No I/O.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::measures::bindings::Bindings;
use crate::measures::cold_start::ColdStart;
use crate::measures::creations::Creations;
use crate::measures::drift::Drift;
use crate::measures::failover::Failover;
use crate::measures::new_objects::NewObjects;
use crate::measures::rest::Rest;
use crate::measures::scale::{FirstLife, Restart};
use crate::measures::scrape::Scrape;
use crate::measures::storm::Storm;
use crate::scene::{Program, Stores};
use crate::tenants::Binds;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub date: String,
    pub machine: Machine,
    /// A shorter run with fewer objects, whose figures are for development.
    pub quick: bool,
    pub seconds: f64,
    pub cold_start: Vec<ColdStart>,
    pub first_lives: Vec<FirstLife>,
    pub restarts: Vec<Restart>,
    pub scrapes: Vec<Scrape>,
    pub creations: Vec<Creations>,
    pub new_objects: Vec<NewObjects>,
    pub rest: Vec<Rest>,
    pub drift: Vec<Drift>,
    pub failover: Vec<Failover>,
    pub storm: Vec<Storm>,
    #[serde(default)]
    pub bindings: Vec<Bindings>,
    /// What this operator does not have.
    pub missing: Vec<String>,
    /// What broke.
    pub failures: Vec<String>,
}

impl Results {
    /// Adds what another part of the run measured.
    pub fn absorb(&mut self, other: Self) {
        self.cold_start.extend(other.cold_start);
        self.first_lives.extend(other.first_lives);
        self.restarts.extend(other.restarts);
        self.scrapes.extend(other.scrapes);
        self.creations.extend(other.creations);
        self.new_objects.extend(other.new_objects);
        self.rest.extend(other.rest);
        self.drift.extend(other.drift);
        self.failover.extend(other.failover);
        self.storm.extend(other.storm);
        self.bindings.extend(other.bindings);
        self.missing.extend(other.missing);
        self.failures.extend(other.failures);
    }

    /// In the order of the tables, whichever part of the run ended first.
    pub fn sort(&mut self) {
        self.first_lives.sort_by_key(|life| (life.program, life.stores, life.objects));
        self.restarts.sort_by_key(|restart| (restart.program, restart.stores, restart.objects));
        self.creations
            .sort_by(|a, b| a.quota_factor.total_cmp(&b.quota_factor).then(a.objects.cmp(&b.objects)));
        self.cold_start.sort_by_key(|start| start.program);
        self.new_objects.sort_by_key(|new| new.program);
        self.rest.sort_by_key(|rest| rest.program);
        self.drift.sort_by_key(|drift| drift.program);
        self.storm.sort_by_key(|storm| storm.program);
        self.bindings.sort_by_key(|bindings| bindings.binds);
    }

    pub fn first_life(&self, program: Program, stores: Stores, objects: usize) -> Option<&FirstLife> {
        let wanted = (program, stores, objects);
        self.first_lives.iter().find(|life| (life.program, life.stores, life.objects) == wanted)
    }

    pub fn bound(&self, binds: Binds) -> Option<&Bindings> {
        self.bindings.iter().find(|one| one.binds == binds)
    }

    pub fn restart(&self, program: Program, stores: Stores, objects: usize) -> Option<&Restart> {
        let wanted = (program, stores, objects);
        self.restarts.iter().find(|one| (one.program, one.stores, one.objects) == wanted)
    }
}
