using System.Text;
using System.Text.Json;
using CsCheck;

namespace AkkaCharging.Host.Tests.Http;

[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class SubmitFuzzTests(SharedService shared)
{
    private const string Secret = "fuzzed-secret-token-0123456789";
    private const int Samples = 400;

    [Fact]
    public async Task RandomBytes_AreRefusedAsTheCallersFault() =>
        await Gen
            .Byte.Array[0, 200]
            .SampleAsync(async body => (await AnswerAsync(body)).Status == 400, iter: Samples, threads: 2);

    [Fact]
    public async Task MutationsOfAValidBody_AreNeverADefect_AndTheAnswerNeverHoldsTheToken()
    {
        var valid = Encoding.UTF8.GetBytes(
            Api.Body(
                shared.Receiver.Url,
                Secret,
                more: ",\"validForMillis\":5000,\"more\":[\"\\u00e4\",null,{\"x\":-1.5e3}]"
            )
        );
        var edit = Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[0, 3]).Array[1, 4];

        await edit.SampleAsync(
            async edits =>
            {
                var (status, text) = await AnswerAsync(Mutated(valid, edits));
                return status is 200 or 400 && !text.Contains(Secret, StringComparison.Ordinal);
            },
            iter: Samples,
            threads: 2
        );
    }

    private static byte[] Mutated(byte[] valid, (int At, byte Value, int Kind)[] edits)
    {
        var body = valid.ToList();
        foreach (var (at, value, kind) in edits)
        {
            var place = at % body.Count;
            switch (kind)
            {
                case 0:
                    body[place] = value;
                    break;
                case 1:
                    body.Insert(place, value);
                    break;
                case 2:
                    body.RemoveAt(place);
                    break;
                default:
                    body.InsertRange(place, valid[at..Math.Min(valid.Length, at + (value % 40))]);
                    break;
            }
        }

        return [.. body];
    }

    private async Task<(int Status, string Text)> AnswerAsync(byte[] body)
    {
        using var response = await shared.Service.Http.PostAsync(Api.Submit, Api.Json(body));
        var text = await response.Content.ReadAsStringAsync();
        var answer = JsonSerializer.Deserialize<JsonElement>(text);
        if ((int)response.StatusCode != 200)
            Api.Refused(answer, "validation_error");
        return ((int)response.StatusCode, text);
    }
}
