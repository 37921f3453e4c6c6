package io.trainyard.master;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.security.token.Token;
import org.apache.hadoop.security.token.TokenIdentifier;
import org.junit.jupiter.api.Test;

class TokensTest {
  private final Credentials submitted = new Credentials();

  TokensTest() {
    submitted.addSecretKey(new Text("trainyard.pool"), "s3cret".getBytes(StandardCharsets.UTF_8));
    submitted.addToken(new Text(""), token("YARN_AM_RM_TOKEN", "master"));
    submitted.addToken(new Text("nn"), token("HDFS_DELEGATION_TOKEN", "old"));
  }

  @Test
  void handsOverAllButTheMastersOwnToken_25() throws Exception {
    Tokens tokens = new Tokens(submitted);
    assertEquals("s3cret", tokens.secret());
    Credentials handed = read(tokens.forContainers());
    assertEquals(1, handed.numberOfTokens());
    assertEquals("old", passwordOf(handed, "nn"));
    assertEquals(1, handed.numberOfSecretKeys());
    assertEquals(2, submitted.numberOfTokens(), "the process keeps its own token");
  }

  @Test
  void replacesTokensByNewerOnes_25() throws Exception {
    Tokens tokens = new Tokens(submitted);
    Credentials fresh = new Credentials();
    fresh.addToken(new Text("nn"), token("HDFS_DELEGATION_TOKEN", "new"));
    fresh.addToken(new Text("x"), token("YARN_AM_RM_TOKEN", "foreign"));
    tokens.renew(Base64.getEncoder().encodeToString(bytes(Tokens.toBytes(fresh))));
    assertEquals("new", passwordOf(read(tokens.forContainers()), "nn"));
    assertNull(read(tokens.forContainers()).getToken(new Text("x")));
    assertEquals(1, read(tokens.forContainers()).numberOfSecretKeys());
    assertThrows(IOException.class, () -> tokens.renew("AAAA"));
    assertEquals("new", passwordOf(read(tokens.forContainers()), "nn"));
    tokens.renew(null);
    assertEquals("old", passwordOf(read(tokens.forContainers()), "nn"));
  }

  @Test
  void missesTheSecret() {
    IOException err = assertThrows(IOException.class, () -> new Tokens(new Credentials()).secret());
    assertEquals("the application's credentials hold no secret trainyard.pool", err.getMessage());
  }

  private static Token<TokenIdentifier> token(String kind, String password) {
    return new Token<>(new byte[] {1}, password.getBytes(StandardCharsets.UTF_8), new Text(kind), new Text("service"));
  }

  private static String passwordOf(Credentials credentials, String alias) {
    return new String(credentials.getToken(new Text(alias)).getPassword(), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  private static Credentials read(ByteBuffer buffer) throws IOException {
    Credentials credentials = new Credentials();
    credentials.readTokenStorageStream(new DataInputStream(new ByteArrayInputStream(bytes(buffer))));
    return credentials;
  }
}
