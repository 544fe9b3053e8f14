//! What the chart makes of its values, rendered with Helm 3 and Helm 4. No cluster; runs Helm and reads files.

mod alerts;
mod checks;
mod crds;
mod helm;
mod manifests;
mod names;
mod nulls;
mod openshift;
mod overrides;
mod readme;
mod schema;
mod suites;
mod umbrella;
