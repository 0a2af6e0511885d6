using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>Converts a request into a question to an authorizer.</summary>
/// <param name="stations">The station map; null without <c>authorization.stationsFile</c>.</param>
internal sealed class QuestionForm(TokenReader tokens, StationMap? stations)
{
    /// <summary>The default form: the token is its own identity, and stations have no other names.</summary>
    public static QuestionForm Plain { get; } = new(new(areTyped: false, TokenNormalization.None), stations: null);

    /// <summary>The station map; null without one.</summary>
    public StationMap? Stations => stations;

    /// <summary>Creates the question about a driver at a station.</summary>
    public AuthorizationQuery Fill(RequestId id, StationId station, DriverToken token) =>
        new(id, station, token) { Identity = tokens.Read(token), Mapping = stations?.Find(station) };
}
