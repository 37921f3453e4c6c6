package io.trainyard.master;

import java.io.IOException;
import java.lang.reflect.UndeclaredThrowableException;
import java.security.PrivilegedExceptionAction;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.security.token.Token;
import org.apache.hadoop.security.token.TokenIdentifier;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.hadoop.yarn.api.protocolrecords.GetNewApplicationResponse;
import org.apache.hadoop.yarn.api.records.ApplicationAccessType;
import org.apache.hadoop.yarn.api.records.ApplicationId;
import org.apache.hadoop.yarn.api.records.ApplicationSubmissionContext;
import org.apache.hadoop.yarn.api.records.ContainerLaunchContext;
import org.apache.hadoop.yarn.api.records.LocalResource;
import org.apache.hadoop.yarn.api.records.LogAggregationContext;
import org.apache.hadoop.yarn.api.records.Priority;
import org.apache.hadoop.yarn.api.records.Resource;
import org.apache.hadoop.yarn.client.api.YarnClient;
import org.apache.hadoop.yarn.conf.YarnConfiguration;

/**
 * Second way in, for sites whose ResourceManager refuses submission over REST: the same JSON over Hadoop's RPC.
 *
 * <p>{@code Submitter PRINCIPAL|- KEYTAB|- USER|- new|submit}: principal and keytab of the service, {@code -} without
 * Kerberos; the user to act for. {@code submit} reads the body of {@code POST /ws/v1/cluster/apps} from standard input.
 * Writes one JSON line in the shape of the REST answer, or {@code {"error": ...}} and exit code 1.
 */
public final class Submitter {
  private Submitter() {}

  public static void main(String[] args) throws IOException {
    int exitCode = 0;
    ObjectNode answer = Json.MAPPER.createObjectNode();
    try {
      run(args, answer);
    } catch (Exception err) {
      exitCode = 1;
      Throwable reason = err instanceof UndeclaredThrowableException ? err.getCause() : err;
      answer.removeAll().put("error", reason.getMessage()).put("exception", reason.getClass().getSimpleName());
    }
    System.out.println(answer);
    System.exit(exitCode);
  }

  private static void run(String[] args, ObjectNode answer) throws Exception {
    if (args.length != 4) {
      throw new IllegalArgumentException("expected PRINCIPAL KEYTAB USER new|submit, found " + args.length + " words");
    }
    Configuration configuration = new YarnConfiguration();
    UserGroupInformation.setConfiguration(configuration);
    userOf(args[0], args[1], args[2]).doAs((PrivilegedExceptionAction<Void>) () -> {
      try (YarnClient client = YarnClient.createYarnClient()) {
        client.init(configuration);
        client.start();
        if (args[3].equals("new")) {
          describe(client.createApplication().getNewApplicationResponse(), answer);
        } else {
          JsonNode body = Json.MAPPER.readTree(System.in);
          answer.put("application-id", client.submitApplication(submission(body)).toString());
        }
      }
      return null;
    });
  }

  private static UserGroupInformation userOf(String principal, String keytab, String user) throws IOException {
    if (principal.equals("-")) {
      return user.equals("-") ? UserGroupInformation.getLoginUser() : UserGroupInformation.createRemoteUser(user);
    }
    UserGroupInformation service = UserGroupInformation.loginUserFromKeytabAndReturnUGI(principal, keytab);
    return user.equals("-") ? service : UserGroupInformation.createProxyUser(user, service);
  }

  private static void describe(GetNewApplicationResponse response, ObjectNode answer) {
    Resource maximum = response.getMaximumResourceCapability();
    answer.put("application-id", response.getApplicationId().toString()).putObject("maximum-resource-capability")
        .put("memory", maximum.getMemorySize()).put("vCores", maximum.getVirtualCores());
  }

  private static ApplicationSubmissionContext submission(JsonNode json) throws IOException {
    ApplicationSubmissionContext context = ApplicationSubmissionContext.newInstance(
        ApplicationId.fromString(Json.text(json, "application-id")), Json.text(json, "application-name"),
        Json.text(json, "queue"), Priority.newInstance(json.path("priority").asInt()),
        container(json.path("am-container-spec")), false, true, json.path("max-app-attempts").asInt(),
        Resource.newInstance(Json.number(json.path("resource"), "memory"),
            (int) Json.number(json.path("resource"), "vCores")),
        Json.text(json, "application-type"), json.path("keep-containers-across-application-attempts").asBoolean());
    context.setAttemptFailuresValidityInterval(Json.number(json, "attempt-failures-validity-interval"));
    context.setApplicationTags(new HashSet<>(Json.texts(json.path("application-tags"), "tag")));
    if (json.path("app-node-label-expression").isTextual()) {
      context.setNodeLabelExpression(json.path("app-node-label-expression").asText());
    }
    JsonNode logs = json.path("log-aggregation-context");
    if (logs.isObject()) {
      context.setLogAggregationContext(
          LogAggregationContext.newInstance(logs.path("log-include-pattern").textValue(),
              logs.path("log-exclude-pattern").textValue(), logs.path("rolled-log-include-pattern").textValue(),
              logs.path("rolled-log-exclude-pattern").textValue()));
    }
    return context;
  }

  private static ContainerLaunchContext container(JsonNode spec) throws IOException {
    Map<String, LocalResource> resources = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : entries(spec.path("local-resources")).entrySet()) {
      resources.put(entry.getKey(), Launch.resource(entry.getValue(), "resource", "size", "timestamp"));
    }
    Map<String, String> environment = new HashMap<>();
    entries(spec.path("environment")).forEach((name, value) -> environment.put(name, value.asText()));
    Map<ApplicationAccessType, String> acls = new HashMap<>();
    entries(spec.path("application-acls"))
        .forEach((name, value) -> acls.put(ApplicationAccessType.valueOf(name), value.asText()));
    Credentials credentials = new Credentials();
    for (Map.Entry<String, JsonNode> entry : entries(spec.path("credentials").path("tokens")).entrySet()) {
      Token<TokenIdentifier> token = new Token<>();
      token.decodeFromUrlString(entry.getValue().asText());
      credentials.addToken(new Text(entry.getKey()), token);
    }
    entries(spec.path("credentials").path("secrets")).forEach((name, value) ->
        credentials.addSecretKey(new Text(name), Base64.getDecoder().decode(value.asText())));
    return ContainerLaunchContext.newInstance(resources, environment,
        Collections.singletonList(Json.text(spec.path("commands"), "command")), null, Tokens.toBytes(credentials), acls);
  }

  /** A map as YARN's REST writes it: {@code {"entry": [{"key": ..., "value": ...}]}}. */
  private static Map<String, JsonNode> entries(JsonNode map) throws IOException {
    Map<String, JsonNode> entries = new HashMap<>();
    for (JsonNode entry : map.path("entry")) {
      entries.put(Json.text(entry, "key"), entry.path("value"));
    }
    return entries;
  }
}
