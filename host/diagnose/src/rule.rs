use crate::fault::Fault;
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Confidence, Remediation};

/// How symptoms become a cause: its record, and what of it is logic.
pub(crate) struct Rule {
    /// What is known of the cause.
    pub(crate) fault: &'static Fault,
    matches: Option<Matches>,
    also: Option<fn(&Symptom<'_>) -> bool>,
    tell: Option<Tell>,
}

/// Whether a symptom is of a cause, and how sure that is.
pub(crate) type Matches = fn(&Scene<'_>, &Symptom<'_>) -> Option<Confidence>;

/// What to say and what to do about the symptoms of one fold.
pub(crate) type Tell = fn(&Scene<'_>, &[&Symptom<'_>]) -> Told;

impl Rule {
    /// A rule that is all record: it takes the findings that the record names, as
    /// sure as they are, and says what stands there.
    pub(crate) const fn of(fault: &'static Fault) -> Self {
        Self { fault, matches: None, also: None, tell: None }
    }

    /// Takes the symptoms that this says, in place of the record's findings.
    pub(crate) const fn when(mut self, matches: Matches) -> Self {
        self.matches = Some(matches);
        self
    }

    /// Symptoms on other targets that it brings about too.
    pub(crate) const fn also(mut self, also: fn(&Symptom<'_>) -> bool) -> Self {
        self.also = Some(also);
        self
    }

    /// Says and advises this, in place of the record's words.
    pub(crate) const fn tell(mut self, tell: Tell) -> Self {
        self.tell = Some(tell);
        self
    }

    /// Whether a symptom is of this cause, and how sure that is.
    pub(crate) fn matches(&self, scene: &Scene<'_>, symptom: &Symptom<'_>) -> Option<Confidence> {
        if let Some(matches) = self.matches {
            return matches(scene, symptom);
        }
        let fault = self.fault;
        let found = fault.findings.contains(&symptom.code());
        (found && fault.when.iter().all(|condition| condition.holds(scene, symptom)))
            .then_some(symptom.finding.confidence)
    }

    /// Whether it brings about a symptom on another target.
    pub(crate) fn brings(&self, symptom: &Symptom<'_>) -> bool {
        self.also.is_some_and(|also| also(symptom)) || self.fault.also.iter().any(|also| also.covers(symptom))
    }

    /// What to say and what to do.
    pub(crate) fn told(&self, scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
        match self.tell {
            Some(tell) => tell(scene, symptoms),
            None => crate::words::tell(self.fault, scene, symptoms),
        }
    }

    /// Whether something can be of this cause at all.
    #[cfg(test)]
    pub(crate) fn is_reachable(&self) -> bool {
        self.matches.is_some() || !self.fault.findings.is_empty()
    }

    /// Whether it has words of its own in Rust.
    #[cfg(test)]
    pub(crate) fn has_words(&self) -> bool {
        self.tell.is_some()
    }
}

/// A cause in words, with its remedies, least privilege first.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) remediations: Vec<Remediation>,
}

impl Told {
    /// What the findings say themselves, with these remedies.
    pub(crate) fn found(symptoms: &[&Symptom<'_>], remediations: Vec<Remediation>) -> Self {
        Self { message: messages(symptoms), remediations }
    }
}

/// What the findings say themselves, each once, in order.
pub(crate) fn messages(symptoms: &[&Symptom<'_>]) -> String {
    let mut said: Vec<&str> = Vec::new();
    for symptom in symptoms {
        let finding = symptom.finding;
        let message = if finding.message.is_empty() { &finding.title } else { &finding.message };
        if !said.contains(&message.as_str()) {
            said.push(message);
        }
    }
    said.join("\n")
}

/// The targets of symptoms, each once, in order.
pub(crate) fn targets(symptoms: &[&Symptom<'_>]) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for symptom in symptoms {
        let subject = symptom.subject().to_owned();
        if !targets.contains(&subject) {
            targets.push(subject);
        }
    }
    targets
}

/// The ports of symptoms, each once, in order.
pub(crate) fn ports(symptoms: &[&Symptom<'_>]) -> Vec<u16> {
    let mut ports: Vec<u16> = symptoms.iter().map(|symptom| symptom.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// `port 9100`, `ports 9100 and 9101`.
pub(crate) fn port_words(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{} {}", if words.len() == 1 { "port" } else { "ports" }, crate::remedy::list(&words))
}

/// `ss -ltnp` for some ports.
pub(crate) fn ss(ports: &[u16]) -> String {
    let filter: Vec<String> = ports.iter().map(|port| format!("sport = :{port}")).collect();
    format!("ss -ltnp '{}'", filter.join(" or "))
}
