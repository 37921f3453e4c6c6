import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.metastore.IMetaStoreClient;
import org.apache.hadoop.hive.metastore.api.Database;
import org.apache.hadoop.hive.metastore.api.FieldSchema;
import org.apache.hadoop.hive.metastore.api.GetAllFunctionsResponse;
import org.apache.hadoop.hive.metastore.api.NoSuchObjectException;
import org.apache.hadoop.hive.ql.Driver;
import org.apache.hadoop.hive.ql.metadata.Hive;
import org.apache.hadoop.hive.ql.session.SessionState;

/**
 * Runs queries in Hive's engine, in this process: parser, optimiser, operators and functions are Hive's. Queries read no table, so the metastore
 * is one that has none. Arguments: a folder for scratch files, then files with one query each. Each answer goes to the query's file with
 * ".out" after its name: the names of the columns, then the rows, parted by tabs.
 */
public final class HiveQueries {
  private static final int ROWS_MAX = 1_000_000;

  public static void main(String[] arguments) throws Exception {
    HiveConf conf = configuration(arguments[0]);
    Hive hive = withoutMetastore(conf, arguments[0]);
    Hive.set(hive);
    SessionState.start(new SessionState(conf));
    Hive.set(hive);
    for (int at = 1; at < arguments.length; at += 1) {
      Path file = Path.of(arguments[at]);
      // What a client does with a statement: the semicolon is its own.
      String query = Files.readString(file).strip().replaceFirst(";$", "");
      Files.write(Path.of(file + ".out"), answer(conf, query));
    }
    // Hive leaves threads behind.
    System.exit(0);
  }

  private static List<String> answer(HiveConf conf, String query) throws Exception {
    Driver driver = new Driver(conf);
    driver.run(query);
    driver.setMaxRows(ROWS_MAX);
    List<String> lines = new ArrayList<>();
    lines.add(driver.getSchema().getFieldSchemas().stream().map(FieldSchema::getName).collect(Collectors.joining("\t")));
    driver.getResults(lines);
    driver.close();
    return lines;
  }

  private static HiveConf configuration(String folder) {
    HiveConf conf = new HiveConf();
    Map<String, String> settings =
        Map.of(
            "hive.execution.engine", "mr",
            "mapreduce.framework.name", "local",
            "fs.defaultFS", "file:///",
            "hive.exec.scratchdir", folder + "/scratch",
            "hive.exec.local.scratchdir", folder + "/local-scratch",
            "hive.metastore.warehouse.dir", folder + "/warehouse",
            "hive.fetch.task.conversion", "more",
            "hive.fetch.task.conversion.threshold", "-1",
            "hive.support.concurrency", "false",
            "hive.materializedview.rewriting", "false");
    settings.forEach(conf::set);
    conf.set("hive.materializedview.rewriting.sql", "false");
    conf.set("hive.materializedview.rewriting.sql.subquery", "false");
    // Never asked, and not opened: the client below is used in its place.
    conf.set("hive.metastore.uris", "thrift://127.0.0.1:1");
    return conf;
  }

  private static Hive withoutMetastore(HiveConf conf, String folder) throws Exception {
    Constructor<Hive> made = Hive.class.getDeclaredConstructor(HiveConf.class, boolean.class);
    made.setAccessible(true);
    Hive hive = made.newInstance(conf, false);
    Field client = Hive.class.getDeclaredField("metaStoreClient");
    client.setAccessible(true);
    client.set(hive, emptyMetastore(folder));
    return hive;
  }

  /** A metastore of one database without tables and functions. */
  private static Object emptyMetastore(String folder) {
    Database database = new Database("default", "", "file://" + folder + "/warehouse", new HashMap<>());
    database.setCatalogName("hive");
    return Proxy.newProxyInstance(
        HiveQueries.class.getClassLoader(),
        new Class<?>[] {IMetaStoreClient.class},
        (self, method, arguments) -> {
          switch (method.getName()) {
            case "getDatabase":
              return database;
            case "getTable":
              throw new NoSuchObjectException("there is no table");
            case "isCompatibleWith":
            case "isSameConfObj":
            case "isLocalMetaStore":
              return true;
            case "equals":
              return self == arguments[0];
            case "hashCode":
              return 1;
            default:
              return nothing(method.getReturnType());
          }
        });
  }

  private static Object nothing(Class<?> type) {
    if (type == boolean.class) return false;
    if (type == int.class) return 0;
    if (type == long.class) return 0L;
    if (List.class.isAssignableFrom(type)) return new ArrayList<>();
    if (Map.class.isAssignableFrom(type)) return new HashMap<>();
    if (type != GetAllFunctionsResponse.class) return null;
    GetAllFunctionsResponse functions = new GetAllFunctionsResponse();
    functions.setFunctions(new ArrayList<>());
    return functions;
  }
}
