//! Claims: who may work on a target, decided by one conditional write.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, from_row, keys, millis, number, text, to_attribute};
use crate::{
    defect::Defect,
    ids::TargetId,
    post::{Post, TargetSpec},
    target::{Intent, State, Target},
    tenant::Tenant,
};

/// How far the clocks of two machines may differ without the one taking over what the other may be about to publish: more
/// than is left once every process goes by the time of AWS (see [`crate::aws_clock`]).
const SKEW: SignedDuration = SignedDuration::from_secs(10);

/// What a consumer wants when it claims a target.
#[derive(Debug)]
pub struct ClaimRequest<'a> {
    /// The post.
    pub post: &'a Post,
    /// Which of its targets.
    pub target: TargetId,
    /// The target as the post describes it.
    pub spec: &'a TargetSpec,
    /// New for every claim: recognises our own write.
    pub owner: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Until when the claim shall hold.
    pub lease_until: Timestamp,
    /// Written with the claim where the first call is the publish itself.
    pub intent: Option<&'a Intent>,
}

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// The target is ours to publish.
    Won(Box<Target>),
    /// An earlier publish has no known end: the target is ours to ask about, and not to publish.
    ReadBack(Box<Target>),
    /// Another holds it: come back then.
    NotYet(Timestamp),
    /// It waits for its time, and has an entry in `due`: come back then, or let that do it.
    Early(Timestamp),
    /// There is nothing to do any more.
    Settled(State),
    /// The job speaks of another version of the post.
    Stale,
}

impl Store {
    /// Claims a target: one write when nothing stands in the way, and no read; a post that was accepted long ago takes one
    /// write more, before the claim.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn claim(&self, tenant: Tenant, request: &ClaimRequest<'_>) -> Result<Claim, StoreError> {
        let sort = keys::target(request.post.created_at, request.post.id, request.target);
        self.note_begun(tenant, request.post, (sort, &request.spec.destination), request.now).await?;
        match self.try_claim(tenant, request).await? {
            Ok(target) => Ok(Claim::Won(Box::new(target))),
            Err(found) => self.refused_claim(tenant, request, found).await,
        }
    }

    async fn try_claim(
        &self,
        tenant: Tenant,
        request: &ClaimRequest<'_>,
    ) -> Result<Result<Target, Target>, StoreError> {
        let ClaimRequest { post, target, spec, owner, now, lease_until, intent } = *request;
        let ready = "version = :version AND (attribute_not_exists(intent) OR intent.answered = :yes) AND \
            ((#state IN (:scheduled, :queued, :waiting, :retrying) AND \
            (attribute_not_exists(not_before) OR not_before <= :now)) OR \
            (#state = :running AND lease_until < :now))";
        // Only the first version of a post is claimed into being: an edit writes the rows that it concerns.
        let mut condition =
            if post.version == 1 { format!("attribute_not_exists(pk) OR ({ready})") } else { ready.to_owned() };
        if Defect::ClaimsWhateverIsDelivered.is_present() {
            condition.push_str(" OR attribute_exists(pk)");
        }
        if Defect::PublishesOldVersions.is_present() {
            condition = condition.replace("version = :version", "version >= :version");
        }
        if Defect::RestartsExpiredClaims.is_present() {
            condition.push_str(" OR (#state = :running AND lease_until < :now)");
        }
        let (set_intent, intent) = match intent {
            // An answered publish keeps its intent: its time and fingerprint are what a read-back would look for.
            Some(intent) => (", intent = if_not_exists(intent, :intent)", Some(to_attribute("intent", intent)?)),
            None => ("", None),
        };
        let update = format!(
            "SET #state = :running, version = :version, post = :post, target = :target, platform = :platform, \
             #connection = :connection, destination = :destination, created_at = :created_at, updated_at = :now, \
             #owner = :owner, lease_until = :lease_until, started_at = if_not_exists(started_at, :now){set_intent} \
             ADD fence :one, attempts :one REMOVE due_shard, due_at, not_before, attention_group, attention_at"
        );
        let mut builder = self
            .update_target(tenant, post.created_at, post.id, target)
            .update_expression(update)
            .condition_expression(condition)
            .return_values(ReturnValue::AllNew)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#connection", "connection")
            .expression_attribute_values(":version", number(post.version))
            .expression_attribute_values(":post", text(post.id))
            .expression_attribute_values(":target", text(target))
            .expression_attribute_values(":platform", text(spec.platform))
            .expression_attribute_values(":connection", text(spec.connection))
            .expression_attribute_values(":destination", text(&spec.destination))
            .expression_attribute_values(":created_at", millis(post.created_at))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":lease_until", millis(lease_until))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1));
        for state in [State::Scheduled, State::Queued, State::Waiting, State::Retrying, State::Running] {
            builder = builder.expression_attribute_values(format!(":{}", state.name()), text(state.name()));
        }
        if let Some(intent) = intent {
            builder = builder.expression_attribute_values(":intent", intent);
        }
        match self.conditional("claim a target", builder).await? {
            Ok(item) => Ok(Ok(from_row("target", item)?)),
            Err(item) => Ok(Err(from_row("target", item)?)),
        }
    }

    /// Why a claim was refused, and what the job may do instead.
    async fn refused_claim(
        &self,
        tenant: Tenant,
        request: &ClaimRequest<'_>,
        found: Target,
    ) -> Result<Claim, StoreError> {
        let ours = found.owner.as_deref() == Some(request.owner) && found.state == State::Running;
        if ours {
            // The SDK sent the claim twice because its first answer was lost: it was won then.
            return Ok(Claim::Won(Box::new(found)));
        }
        if found.version != request.post.version {
            return Ok(Claim::Stale);
        }
        if found.state.is_settled() {
            return Ok(Claim::Settled(found.state));
        }
        // Whoever may be about to publish is not taken over by a clock that is merely ahead of its own.
        let margin = if found.state == State::Running { SKEW } else { SignedDuration::ZERO };
        let free_at = found.lease_until.map(|until| until.saturating_add(margin).unwrap_or(until));
        if let Some(until) = free_at.filter(|until| *until >= request.now) {
            return Ok(Claim::NotYet(until));
        }
        if let Some(at) = found.not_before.filter(|at| *at > request.now) {
            return Ok(Claim::Early(at));
        }
        if found.intent.is_none() {
            // It changed hands between our write and the answer: the next delivery sees where it stands.
            return Ok(Claim::NotYet(request.now));
        }
        self.claim_read_back(tenant, request, &found).await
    }

    /// Takes over a target whose publish nobody saw the end of.
    async fn claim_read_back(
        &self,
        tenant: Tenant,
        request: &ClaimRequest<'_>,
        found: &Target,
    ) -> Result<Claim, StoreError> {
        let builder = self
            .update_target(tenant, found.created_at, found.post, found.target)
            .update_expression(
                "SET #state = :unknown, #owner = :owner, lease_until = :lease_until, updated_at = :now \
                 ADD fence :one REMOVE due_shard, due_at, not_before, attention_group, attention_at",
            )
            // Only who claims raises the fence: a late word of the last holder may have settled it meanwhile.
            .condition_expression("fence = :fence AND #state IN (:running, :unknown) AND attribute_exists(intent)")
            .return_values(ReturnValue::AllNew)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":unknown", text(State::Unknown.name()))
            .expression_attribute_values(":running", text(State::Running.name()))
            .expression_attribute_values(":owner", text(request.owner))
            .expression_attribute_values(":lease_until", millis(request.lease_until))
            .expression_attribute_values(":now", millis(request.now))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":fence", number(found.fence));
        match self.conditional("claim a target for a read-back", builder).await? {
            Ok(item) => Ok(Claim::ReadBack(Box::new(from_row("target", item)?))),
            Err(item) => {
                let now: Target = from_row("target", item)?;
                if now.owner.as_deref() == Some(request.owner) && now.state == State::Unknown {
                    return Ok(Claim::ReadBack(Box::new(now)));
                }
                Ok(Claim::NotYet(now.lease_until.unwrap_or(request.now)))
            }
        }
    }
}
