import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import hex.genmodel.MojoModel;
import hex.genmodel.easy.EasyPredictModelWrapper;
import hex.genmodel.easy.RowData;
import hex.genmodel.easy.prediction.BinomialModelPrediction;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;

/** A MOJO behind the JDK's own HTTP server: one JSON row in, its class and probabilities out. */
public final class MojoServer {
  private static final int THREADS = 2;
  private static final int BACKLOG = 1024;

  private MojoServer() {}

  public static void main(String[] words) throws IOException {
    EasyPredictModelWrapper.Config config = new EasyPredictModelWrapper.Config();
    config.setModel(MojoModel.load(words[0])).setConvertUnknownCategoricalLevelsToNa(true);
    EasyPredictModelWrapper model = new EasyPredictModelWrapper(config);
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(address, BACKLOG);
    server.setExecutor(Executors.newFixedThreadPool(THREADS));
    server.createContext("/predict", exchange -> answer(exchange, model));
    server.start();
    System.out.println("listening at " + server.getAddress().getPort());
  }

  private static void answer(HttpExchange exchange, EasyPredictModelWrapper model) throws IOException {
    int status = 200;
    String text;
    try (InputStreamReader reader = new InputStreamReader(exchange.getRequestBody(), StandardCharsets.UTF_8)) {
      BinomialModelPrediction found = model.predictBinomial(rowOf(JsonParser.parseReader(reader).getAsJsonObject()));
      text =
          "{\"prediction\":\"" + found.label + "\",\"probabilities\":["
              + found.classProbabilities[0] + "," + found.classProbabilities[1] + "]}";
    } catch (Exception err) {
      status = 500;
      text = String.valueOf(err);
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private static RowData rowOf(JsonObject object) {
    RowData row = new RowData();
    for (Map.Entry<String, JsonElement> cell : object.entrySet()) {
      boolean isNumber = cell.getValue().getAsJsonPrimitive().isNumber();
      row.put(cell.getKey(), isNumber ? (Object) cell.getValue().getAsDouble() : cell.getValue().getAsString());
    }
    return row;
  }
}
