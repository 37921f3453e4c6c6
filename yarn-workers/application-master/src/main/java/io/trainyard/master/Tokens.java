package io.trainyard.master;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Iterator;
import org.apache.hadoop.io.DataOutputBuffer;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.security.token.Token;
import org.apache.hadoop.security.token.TokenIdentifier;

/** The application's tokens and secrets, as they came with the submission and as the app server renews them. */
final class Tokens {
  /** Under this name the submission carries the secret that the app server knows the pool by. */
  static final String SECRET_NAME = "trainyard.pool";
  private static final Text MASTER_TOKEN_KIND = new Text("YARN_AM_RM_TOKEN");

  private final Credentials own;
  private volatile Credentials newest;

  /** {@code credentials}: those of this process. The token that makes it the application master is left out. */
  Tokens(Credentials credentials) {
    own = withoutMasterToken(credentials);
    newest = own;
  }

  /** Throws IOException when the submission carried no secret. */
  String secret() throws IOException {
    byte[] secret = own.getSecretKey(new Text(SECRET_NAME));
    if (secret == null) {
      throw new IOException("the application's credentials hold no secret " + SECRET_NAME);
    }
    return new String(secret, StandardCharsets.UTF_8);
  }

  /** Tokens in a token file in base64 take the place of our own of the same name; null: our own alone. */
  void renew(String tokenFile) throws IOException {
    if (tokenFile == null) {
      newest = own;
      return;
    }
    Credentials fresh = new Credentials();
    byte[] bytes = Base64.getDecoder().decode(tokenFile);
    fresh.readTokenStorageStream(new DataInputStream(new ByteArrayInputStream(bytes)));
    Credentials all = new Credentials(own);
    all.addAll(withoutMasterToken(fresh));
    newest = all;
  }

  /** The token file of a container that is started now. */
  ByteBuffer forContainers() throws IOException {
    return toBytes(newest);
  }

  /** These credentials as a token file. */
  static ByteBuffer toBytes(Credentials credentials) throws IOException {
    DataOutputBuffer buffer = new DataOutputBuffer();
    credentials.writeTokenStorageToStream(buffer);
    return ByteBuffer.wrap(buffer.getData(), 0, buffer.getLength());
  }

  private static Credentials withoutMasterToken(Credentials credentials) {
    Credentials copy = new Credentials(credentials);
    for (Iterator<Token<? extends TokenIdentifier>> all = copy.getAllTokens().iterator(); all.hasNext();) {
      if (all.next().getKind().equals(MASTER_TOKEN_KIND)) {
        all.remove();
      }
    }
    return copy;
  }
}
