//! What would be asked, from the very plans that are asked (SECURITY T6).

use super::{Flow, picture::notices};
use crate::{
    domain::{
        key::Key,
        layer::row_label,
        outcome::{ProbeReason, ProbeResult},
        reading::Reading,
        request::{PlannedRequest, PlannedRequests, RowName, UnaskedRow},
        way::Way,
    },
    engine::plan::{ProbeIdentity, plan, unasked},
    probe::way_to,
};

impl Flow {
    /// Everything that would be sent for the readings that are there, and why the others are not.
    pub(in crate::engine) fn planned(&mut self) -> PlannedRequests {
        self.settle();
        let readings = self.shown_readings();
        let (identities, plans) = self.questions();
        let mut order: Vec<usize> = (0..plans.len()).collect();
        order.sort_by_key(|index| !plans[*index].expected);
        let mut planned = PlannedRequests::default();
        for reading in &readings {
            if let Err(result) = self.identity(reading) {
                planned.unasked.extend(unasked_row(reading, &result));
            }
        }
        for index in order {
            let (identity, plan) = (&identities[index], &plans[index]);
            let rows = || readings.iter().filter(|it| self.identity(it).as_ref() == Ok(identity));
            if let Some(result) = plan.check(&self.setup.catalogue) {
                planned.unasked.extend(rows().filter_map(|row| unasked_row(row, &result)));
                continue;
            }
            let Some(preview) = plan.preview(&self.setup.catalogue) else { continue };
            let Some(key) = rows().find_map(|row| row.state.found()) else { continue };
            planned.requests.push(PlannedRequest {
                provider: identity.provider.clone(),
                mask: key.mask.clone(),
                shown: key.shown.clone(),
                exported: key.exported.clone(),
                method: preview.method,
                url: preview.url,
                host: preview.host,
                headers: preview.headers,
                key_header: preview.key_header,
                scheme: preview.scheme.name(),
                body: preview.body,
                control: preview.control,
                rows: rows().map(row_name).collect(),
            });
        }
        planned.unasked.sort_by(|left, right| left.row.cmp(&right.row));
        let ways: Vec<Way> = plans.iter().map(|plan| way_to(&plan.endpoint)).collect();
        planned.notices = notices(ways.iter());
        planned
    }

    fn identity(&self, reading: &Reading<Key>) -> Result<ProbeIdentity, Box<ProbeResult>> {
        let credential = self.credential(reading);
        let reason = match credential {
            Some(credential) => match plan(&self.setup, credential, reading) {
                Ok(identity) => return Ok(identity),
                Err(reason) => reason,
            },
            None => ProbeReason::NoProvider,
        };
        Err(Box::new(unasked(&self.setup, credential, reason)))
    }
}

/// A row with a key that is not asked about; where there is no key there is nothing to tell.
fn unasked_row(reading: &Reading<Key>, result: &ProbeResult) -> Option<UnaskedRow> {
    reading.state.found()?;
    let reason = result.reason.map_or("", ProbeReason::text);
    let more = result.meaning.iter().chain(&result.advice);
    let reason = more.fold(reason.to_owned(), |text, more| format!("{text}. {more}"));
    Some(UnaskedRow { row: row_name(reading), reason })
}

fn row_name(reading: &Reading<Key>) -> RowName {
    RowName {
        environment: reading.environment.clone(),
        credential: reading.credential.clone(),
        label: row_label(&reading.layer, reading.instance.as_ref(), reading.host.as_deref()),
    }
}
