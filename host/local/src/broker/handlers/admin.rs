//! CreateTopics, DeleteTopics and DescribeConfigs.

use super::super::Shared;
use super::super::config::{Overrides, SETTINGS};
use super::super::topics::{Refused, Topic};
use super::super::wire::{Request, WireError};
use super::NODE_ID;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use uuid::Uuid;

/// Kinds of resources in DescribeConfigs.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a setting's value comes from.
const FROM_TOPIC: i8 = 1;
const FROM_BROKER_FILE: i8 = 4;
const FROM_DEFAULT: i8 = 5;
/// How many partitions a topic gets that does not say.
const DEFAULT_PARTITIONS: i32 = 1;

pub fn create_topics(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: CreateTopicsRequest = request.decode()?;
    let topics = body.topics.iter().map(|asked| {
        let result = CreatableTopicResult::default().with_name(asked.name.clone());
        match create(shared, asked, body.validate_only) {
            Ok((topic, partitions)) => result
                .with_topic_id(if body.validate_only { Uuid::nil() } else { topic.id })
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs(Some(created_configs(&topic))),
            Err(refused) => result
                .with_error_code(refused.error.code())
                .with_error_message(Some(StrBytes::from_string(refused.reason)))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        }
    });
    request.answer(&CreateTopicsResponse::default().with_topics(topics.collect()))
}

fn create(shared: &Shared, asked: &CreatableTopic, validate_only: bool) -> Result<(Arc<Topic>, i32), Refused> {
    let partitions = if !asked.assignments.is_empty() {
        if asked.assignments.iter().any(|part| part.broker_ids.iter().any(|id| id.0 != NODE_ID)) {
            let reason = format!("broker {NODE_ID} is the only one");
            return Err(Refused { error: ResponseError::InvalidReplicaAssignment, reason });
        }
        i32::try_from(asked.assignments.len()).unwrap_or(i32::MAX)
    } else if !matches!(asked.replication_factor, -1 | 1) {
        let reason = format!("replication factor {} is more than the 1 broker", asked.replication_factor);
        return Err(Refused { error: ResponseError::InvalidReplicationFactor, reason });
    } else if asked.num_partitions == -1 {
        DEFAULT_PARTITIONS
    } else {
        asked.num_partitions
    };
    let mut configs = Overrides::new();
    for config in &asked.configs {
        let Some(value) = &config.value else {
            let reason = format!("null value not supported for topic config: {}", config.name);
            return Err(Refused { error: ResponseError::InvalidConfig, reason });
        };
        configs.insert(config.name.to_string(), value.to_string());
    }
    let topic = shared.topics.create(&asked.name, partitions, configs, validate_only)?;
    Ok((topic, partitions))
}

fn created_configs(topic: &Topic) -> Vec<CreatableTopicConfigs> {
    let settings = SETTINGS.iter().map(|setting| {
        let (value, source) = effective(topic, setting.name, setting.default);
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(setting.name))
            .with_value(Some(value))
            .with_config_source(source)
    });
    settings.collect()
}

pub fn delete_topics(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: DeleteTopicsRequest = request.decode()?;
    let by_name = body.topic_names.into_iter().map(|name| DeleteTopicState::default().with_name(Some(name)));
    let responses = body.topics.into_iter().chain(by_name).map(|asked| {
        let known = match &asked.name {
            Some(name) => shared.topics.get(name),
            None => shared.topics.get_by_id(&asked.topic_id),
        };
        let result = DeletableTopicResult::default().with_topic_id(asked.topic_id).with_name(asked.name.clone());
        let Some(topic) = known else {
            let error = if asked.name.is_some() {
                ResponseError::UnknownTopicOrPartition
            } else {
                ResponseError::UnknownTopicId
            };
            return result.with_error_code(error.code());
        };
        let result =
            result.with_topic_id(topic.id).with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))));
        match shared.topics.delete(&topic.name) {
            Ok(()) => result,
            Err(refused) => {
                let result = result.with_error_code(refused.error.code());
                let reason = (request.version >= 5).then(|| StrBytes::from_string(refused.reason));
                result.with_error_message(reason)
            }
        }
    });
    let response = DeleteTopicsResponse::default().with_responses(responses.collect());
    // A fetch that waits on a deleted topic looks again and says so.
    shared.appends.send_modify(|count| *count = count.wrapping_add(1));
    request.answer(&response)
}

pub fn describe_configs(shared: &Shared, request: &Request) -> Result<Bytes, WireError> {
    let body: DescribeConfigsRequest = request.decode()?;
    let results = body.resources.into_iter().map(|asked| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone());
        match configs_of(shared, &asked) {
            Ok(configs) => {
                let wanted = |config: &DescribeConfigsResourceResult| {
                    asked.configuration_keys.as_ref().is_none_or(|keys| keys.contains(&config.name))
                };
                result.with_configs(configs.into_iter().filter(wanted).collect())
            }
            Err(refused) => result
                .with_error_code(refused.error.code())
                .with_error_message(Some(StrBytes::from_string(refused.reason))),
        }
    });
    request.answer(&DescribeConfigsResponse::default().with_results(results.collect()))
}

fn configs_of(shared: &Shared, asked: &DescribeConfigsResource) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    match asked.resource_type {
        TOPIC => match shared.topics.get(&asked.resource_name) {
            Some(topic) => Ok(topic_configs(&topic)),
            None => {
                let reason = format!("no topic '{}'", asked.resource_name);
                Err(Refused { error: ResponseError::UnknownTopicOrPartition, reason })
            }
        },
        BROKER => Ok(broker_configs()),
        other => {
            let reason = format!("resources of type {other} have no configs here");
            Err(Refused { error: ResponseError::InvalidRequest, reason })
        }
    }
}

fn topic_configs(topic: &Topic) -> Vec<DescribeConfigsResourceResult> {
    let settings = SETTINGS.iter().map(|setting| {
        let (value, source) = effective(topic, setting.name, setting.default);
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(setting.name))
            .with_value(Some(value))
            .with_config_source(source)
            .with_config_type(setting.kind.wire())
    });
    settings.collect()
}

/// The broker's own settings that a client may want to know; none can be changed.
fn broker_configs() -> Vec<DescribeConfigsResourceResult> {
    let fixed = [
        ("auto.create.topics.enable", "false"),
        ("default.replication.factor", "1"),
        ("message.max.bytes", "1048588"),
        ("num.partitions", "1"),
    ];
    let configs = fixed.into_iter().map(|(name, value)| {
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_static_str(value)))
            .with_read_only(true)
            .with_config_source(FROM_BROKER_FILE)
    });
    configs.collect()
}

fn effective(topic: &Topic, name: &str, default: &'static str) -> (StrBytes, i8) {
    match topic.configs.get(name) {
        Some(value) => (StrBytes::from_string(value.clone()), FROM_TOPIC),
        None => (StrBytes::from_static_str(default), FROM_DEFAULT),
    }
}
