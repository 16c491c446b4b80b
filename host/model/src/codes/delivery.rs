//! DP05: delivery to Kafka.

crate::codes! { Delivery:
    UNREACHABLE = "DP0501", Later, "no broker can be reached",
        "The message names the addresses tried and the cause. Nothing was fetched. Check `bootstrap_servers`, the security protocol and the network.";
    NO_TOPIC = "DP0502", AfterFix, "the topic does not exist",
        "Topics are created only under the profile `local`, or with `sink.options.topic_config.create: true`.";
    RECORD_TOO_LARGE = "DP0503", AfterFix, "a record is larger than the topic takes",
        "Found before publication, so nothing is in the topic. Raise the topic's `max.message.bytes`, or drop a field with a transform.";
    NOT_DELIVERED = "DP0504", Later, "messages were not delivered",
        "The broker did not acknowledge every message. `dpone resume RUN` sends again from the first page that was not fully acknowledged.";
    CLIENT_OPTION = "DP0505", AfterFix, "a librdkafka option is not valid",
        "The message quotes librdkafka. Its options are listed in its CONFIGURATION.md.";
    AUTH = "DP0506", AfterFix, "the broker refuses the credentials",
        "SASL or TLS authentication failed; the message quotes the broker.";
    TOPIC_CHANGED = "DP0507", AfterFix, "the topic is not the one that earlier runs filled",
        "The topic was recreated, or its number of partitions changed, so that keys would no longer meet their earlier versions. `dpone state adopt` accepts the topic as it is now.";
    CREATE_FAILED = "DP0508", AfterFix, "the topic cannot be created",
        "The broker refused; the message quotes it.";
    ADMIN = "DP0509", Later, "the broker refused an admin request",
        "The preflight asks for topic, partitions and configuration. The user needs Describe and DescribeConfigs on the topic.";
    READ = "DP0510", Later, "the topic cannot be read",
        "Reading back a topic failed; the message quotes the cause.";
    KEYLESS = "DP0511", AfterFix, "a compacted topic takes no messages without a key",
        "The broker refuses them. Give the messages a key (`strategy.unique_key`, `key.mode: hash_row`), or use a topic whose cleanup.policy is `delete`.";
}
