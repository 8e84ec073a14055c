// A local OpenAI-compatible chat server for tests: counts calls and misbehaves on demand.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ChatCall {
  /** Counted from 1. */
  number: number;
  headers: IncomingMessage["headers"];
  body: { model: string; messages: Array<{ role: string; content: string }>; [key: string]: unknown };
}

export type ChatBehaviour =
  | { kind: "answer"; text: string; finishReason?: string; delayMs?: number }
  | { kind: "status"; status: number; body?: string; headers?: Record<string, string> }
  /** 200 with this body. */
  | { kind: "garbage"; body: string }
  /** Closes the connection without or in the middle of an answer. */
  | { kind: "break"; halfway?: boolean }
  /** Never answers. */
  | { kind: "hang" };

export interface ChatServer {
  /** http://127.0.0.1:port/v1 */
  baseUrl: string;
  calls: ChatCall[];
  /** Most requests that were under way at once. */
  mostInFlight(): number;
  close(): Promise<void>;
}

function complete(response: ServerResponse, call: ChatCall, text: string, finishReason: string): void {
  const prompt = call.body.messages.map((message) => message.content).join("");
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      id: `chatcmpl-${call.number}`,
      object: "chat.completion",
      created: 0,
      model: call.body.model,
      choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: finishReason }],
      usage: {
        prompt_tokens: prompt.length,
        completion_tokens: text.length,
        total_tokens: prompt.length + text.length,
      },
    }),
  );
}

/** Starts a server, on a free port unless one is given; `behave` decides each call by its content and number. */
export async function startChatServer(behave: (call: ChatCall) => ChatBehaviour, at = 0): Promise<ChatServer> {
  const calls: ChatCall[] = [];
  let inFlight = 0;
  let most = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (request.url !== "/v1/chat/completions") {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: `no route ${request.url}` } }));
      return;
    }
    const body = JSON.parse(Buffer.concat(parts).toString("utf8")) as ChatCall["body"];
    const call = { number: calls.length + 1, headers: request.headers, body };
    calls.push(call);
    const behaviour = behave(call);
    switch (behaviour.kind) {
      case "answer":
        if (behaviour.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
        complete(response, call, behaviour.text, behaviour.finishReason ?? "stop");
        return;
      case "status":
        response.writeHead(behaviour.status, { "content-type": "application/json", ...behaviour.headers });
        response.end(behaviour.body ?? "");
        return;
      case "garbage":
        response.writeHead(200, { "content-type": "text/html" });
        response.end(behaviour.body);
        return;
      case "break":
        if (behaviour.halfway === true) {
          response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
          response.write('{"choices":[{"mess');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        request.socket.destroy();
        return;
      case "hang":
        return;
    }
  };
  const server = createServer((request, response) => {
    inFlight++;
    most = Math.max(most, inFlight);
    response.on("close", () => {
      inFlight--;
    });
    handle(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    calls,
    mostInFlight: () => most,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
